"""HTML becomes the text a person would read: hidden parts gone, table rows on a line, broken markup survived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.html_text import html_to_text


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
