"""HTML becomes the text a person would read: hidden parts gone, table rows on a line, broken markup survived."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.html_facts import Fact
from app.domain.html_text import html_to_text, read_html


def test_scripts_styles_and_hidden_parts_are_dropped() -> None:
    markup = """
        <html><head><title>Annual report</title><style>p {color: red}</style><script>x = "<p>no</p>";</script></head>
        <body><p>Seen</p><p hidden>no</p><div style="color:red; DISPLAY : none">no <div>no</div> no</div>
        <template>no</template><noscript>no</noscript><svg><text>no</text></svg><p>Also seen</p></body></html>
    """

    assert html_to_text(markup).split() == ["Annual", "report", "Seen", "Also", "seen"]


def test_the_hidden_header_of_inline_xbrl_is_dropped_and_tagged_figures_are_kept() -> None:
    markup = (
        '<body><div style="display:none"><ix:header><ix:hidden><ix:nonFraction>999</ix:nonFraction></ix:hidden>'
        "<ix:resources><xbrli:context>c-1</xbrli:context></ix:resources></ix:header></div>"
        "<ix:header>again 999</ix:header>"
        '<p>Revenue was <ix:nonFraction contextRef="c-1" scale="6">21,505</ix:nonFraction> million.</p></body>'
    )

    assert html_to_text(markup) == "Revenue was 21,505 million."


def test_a_table_row_is_one_line_and_figures_split_over_cells_are_joined() -> None:
    markup = """<table>
        <tr><td>Net sales</td><td></td><td>$</td><td>90,238</td><td></td><td>$</td><td>86,179</td></tr>
        <tr><td><div>Change</div></td><td>4.7</td><td>%</td><td>(2.2</td><td>)%</td></tr>
    </table>"""

    assert html_to_text(markup) == "Net sales | $90,238 | $86,179\nChange | 4.7% | (2.2)%"


def test_a_page_laid_out_by_a_table_keeps_its_paragraphs() -> None:
    long = "word " * 100
    lines = html_to_text(f"<table><tr><td><p>First</p><p>{long}</p><p>Last</p></td></tr></table>").splitlines()

    assert [line for line in lines if line] == ["First", long.strip(), "Last"]


def test_headings_lists_and_preformatted_text_keep_their_form() -> None:
    markup = "<h2>Part&nbsp;I</h2><ul><li>one</li><li>two</li></ul><pre>a  b\n  c</pre><p>x<br>y</p>"

    assert [line for line in html_to_text(markup).splitlines() if line] == [
        "## Part I", "- one", "- two", "a  b", "  c", "x", "y",
    ]  # fmt: skip


def test_spaces_and_line_ends_inside_a_paragraph_are_one_space() -> None:
    assert html_to_text("<p>one\n  two\t<b>three</b>\n</p>") == "one two three"


def test_an_unclosed_hidden_paragraph_ends_at_the_next_one() -> None:
    assert html_to_text("<p style='display:none'>no<p>yes</p>") == "yes"


def test_a_hidden_void_element_hides_nothing_else() -> None:
    assert html_to_text("<img style='display:none'><p>yes</p><input hidden>still") == "yes\nstill"


@pytest.mark.parametrize(
    "markup",
    ["", "<", "<!", "<![bogus[", "<!DOCTYPE [", "<p", "&#xD800;", "</p></div>", "<![if x]>a<![endif]>b", "<a b='"],
)
def test_broken_markup_does_not_raise(markup: str) -> None:
    html_to_text(markup).encode()


@given(st.text(alphabet="<>/!&;[]-='\" ptdrxi:hea\x01\x02\x03", max_size=60))
def test_no_markup_raises(markup: str) -> None:
    text = html_to_text(markup)

    assert not {"\x01", "\x02", "\x03"}.intersection(text)


def test_numeric_entities_of_thousands_of_digits_are_survived() -> None:
    assert html_to_text("<p>a&#" + "1" * 5000 + ";b &#8364; &amp;</p>") == "a\ufffdb € &"


def test_brackets_inside_quoted_attributes_do_not_end_the_tag() -> None:
    assert html_to_text("""<p title="a > b < c" data-x='"'>yes</p><img alt="it's > 3">still""") == "yes\nstill"


def test_a_quote_that_never_closes_costs_no_text_after_its_tag() -> None:
    assert html_to_text("<a href=\"x>link</a><p>it's here</p>") == "link\nit's here"


def test_the_text_after_a_comment_a_script_and_a_bracket_that_is_no_tag_stays() -> None:
    markup = "<p>1 < 2<!-- no <p>no</p> -->, <script>if (a < b) { '<p>no</p>' }</SCRIPT>and <b>3</b></p>"

    assert html_to_text(markup) == "1 < 2, and 3"


@pytest.mark.parametrize(
    "piece",
    [
        *["<a ", "<!-- ", "<p>", "</", "<script>", "<p hidden>", "<a b='", "<a ='>'", "<title>", "<b c=  "],
        *['<a b="x" c=\'>', "&#1", "<td>", "<!", "= '"],
    ],
)
def test_megabytes_of_hostile_markup_cost_no_more_than_their_length(piece: str) -> None:
    """Work is counted in processor seconds: a quadratic scan of a megabyte takes minutes."""
    started = time.process_time()

    html_to_text("<html>" + piece * (1_000_000 // len(piece)) + '="')
    read_html(piece * (500_000 // len(piece)))

    assert time.process_time() - started < 10


def test_blocks_headings_and_title_come_apart() -> None:
    document = read_html(
        "<html><head><title>A &amp; B</title></head><body><h1>One</h1><p>Text</p><ul><li>item</li></ul>"
        "<table><tr><td>Net sales</td><td>$</td><td>5</td></tr></table></body></html>"
    )

    assert (document.title, document.headings) == ("A & B", ["One"])
    assert document.blocks == ["One", "Text", "item", "Net sales | $5"]


def test_tagged_values_are_kept_even_where_they_are_hidden() -> None:
    document = read_html(
        '<div style="display:none"><ix:header><xbrli:context id="c1"><xbrli:startDate>2024-01-01</xbrli:startDate>'
        '<xbrli:endDate>2024-12-31</xbrli:endDate></xbrli:context><xbrli:context id="s1">'
        "<xbrldi:explicitMember>x</xbrldi:explicitMember></xbrli:context>"
        '<ix:nonNumeric name="dei:DocumentType" contextRef="c1">10-K</ix:nonNumeric></ix:header></div>'
        '<p>Sales <ix:nonFraction name="us-gaap:Revenues" contextRef="c1" scale="6">1,250</ix:nonFraction></p>'
    )

    assert document.facts == [Fact("dei:DocumentType", "c1", "10-K", 0), Fact("us-gaap:Revenues", "c1", "1,250", 6)]
    assert (document.periods, document.segmented) == ({"c1:start": "2024-01-01", "c1": "2024-12-31"}, {"s1"})
    assert document.blocks == ["Sales 1,250"]


def test_a_text_of_any_length_comes_whole_and_with_single_blanks() -> None:
    words = ["w\xf6rd&amp;&#8364;"] * 30_000

    assert html_to_text("<p>" + " \n ".join(words) + "</p>") == " ".join(["wörd&€"] * 30_000)
    assert html_to_text("a" * 65_530 + "&nbsp;&eacute;") == "a" * 65_530 + " é"
