"""Texts are cut to sizes measured as JSON, and nothing of them gets lost or altered."""

from hypothesis import given
from hypothesis import strategies as st

from app.cli.splitting import cut_code, cut_text, json_bytes, split_text

texts = st.text(alphabet=st.sampled_from(list('ab \n\r\t"\\é€😀\x01\x0b\u2028')), max_size=300)


@given(texts, st.integers(12, 200))
def test_parts_hold_the_limit_and_make_up_the_text(text: str, limit: int) -> None:
    parts = split_text(text, limit)

    assert "".join(parts) == text
    assert all(json_bytes(part) <= limit for part in parts)
    assert len(parts) == 1 or all(parts)


@given(texts, st.integers(12, 200))
def test_a_cut_text_is_a_beginning_that_fits(text: str, limit: int) -> None:
    cut = cut_text(text, limit)

    assert text.startswith(cut)
    assert json_bytes(cut) <= limit
    assert cut == text or json_bytes(text) > limit


def test_parts_are_about_equally_long_and_end_with_lines() -> None:
    text = "".join(f"line {number:05}\n" for number in range(1000))

    parts = split_text(text, 9000)

    assert len(parts) == 2
    assert all(part.endswith("\n") for part in parts)
    assert abs(len(parts[0]) - len(parts[1])) < 50


def test_sizes_are_those_of_json() -> None:
    assert json_bytes('a"\n\x01é') == len(b'a\\"\\n\\u0001') + len("é".encode())


def test_code_is_cut_between_top_level_statements() -> None:
    functions = [f"def f{number}():\n    x = {number}\n\n    return x\n" for number in range(10)]
    source = "\n\n".join(functions)

    cut = cut_code(source, 230)

    assert source.startswith(cut)
    assert 115 < len(cut) <= 230
    compile(cut, "cut", "exec")
    assert cut_code(source, 10_000) == source
    assert cut_code("x = [\n" + "    1,\n" * 100, 100).endswith("    1,\n")
