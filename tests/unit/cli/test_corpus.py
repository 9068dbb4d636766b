"""Which files a demo takes, how it reads them, and that whatever it leaves out is said."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import corpus as corpus_module
from app.cli.corpus import Corpus, decode, fair_cap, is_document, language_of, read_corpus
from app.cli.failures import EXIT_USAGE, Failure
from app.cli.recipe_inputs import read_files
from tests.support.office_files import excel, pdf, word


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def source(root: Path) -> Corpus:
    return read_corpus(root, language_of, "source files")


def paths(corpus: Corpus) -> list[str]:
    return [file.path for file in corpus.files]


def test_source_files_are_found_in_order_with_paths_from_the_tree_s_own_name(tmp_path: Path) -> None:
    root = write(
        tmp_path / "shop", {"b.py": "b", "a/z.go": "z", "a/y.py": "y", "notes.txt": "no source", "Makefile": "m"}
    )

    assert paths(source(root)) == ["shop/Makefile", "shop/b.py", "shop/a/y.py", "shop/a/z.go"]


def test_hidden_vendored_and_generated_files_are_left_out(tmp_path: Path) -> None:
    root = write(
        tmp_path / "shop",
        {
            "a.py": "a",
            ".git/hook.py": "x",
            ".hidden.py": "x",
            "node_modules/m/i.js": "x",
            "__pycache__/a.py": "x",
            "env/pyvenv.cfg": "home = x",
            "env/lib/x.py": "x",
            "shop.egg-info/x.py": "x",
            "app.min.js": "x",
        },
    )

    assert paths(source(root)) == ["shop/a.py"]


def test_empty_and_binary_files_are_left_out_with_a_notice(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {"a.py": "a", "__init__.py": "", "blank.py": " \n", "b.py": b"\x7fELF\0\0"})

    corpus = source(root)

    assert paths(corpus) == ["shop/a.py"]
    assert corpus.notices == ["shop/b.py: binary, left out", "left out 2 empty files"]


def test_symbolic_links_and_special_files_are_not_followed(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {"a.py": "a"})
    secret = write(tmp_path / "elsewhere", {"secret.py": "s"})
    (root / "link.py").symlink_to(secret / "secret.py")
    (root / "folder").symlink_to(secret)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.py")

    assert paths(source(root)) == ["shop/a.py"]


def test_a_file_over_the_limit_is_cut_with_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_module, "MAX_FILE_BYTES", 8)
    root = write(tmp_path / "shop", {"a.py": "1234567é9"})

    corpus = source(root)

    assert corpus.files[0].text == "1234567"
    assert "only its beginning is read" in corpus.notices[0]


def test_more_files_than_a_swarm_may_have_are_left_out_with_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_module, "MAX_FILES", 2)
    root = write(tmp_path / "shop", {f"{name}.py": name for name in "abc"})

    corpus = source(root)

    assert paths(corpus) == ["shop/a.py", "shop/b.py"]
    assert corpus.notices == ["more than 2 source files: the rest was left out"]


def test_a_single_file_is_a_tree_of_one(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "a"})

    assert paths(source(root / "a.py")) == ["a.py"]


def test_nothing_to_read_is_a_usage_error(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        with pytest.raises(Failure) as failure:
            read_corpus(root, is_document, "documents")
        assert failure.value.exit_code == EXIT_USAGE
        assert str(root) in failure.value.message


def test_documents_of_offices_are_read_and_those_that_cannot_be_are_told_of(tmp_path: Path) -> None:
    root = write(
        tmp_path / "inbox",
        {
            "a.pdf": pdf(["The rent is 900 dollars."]),
            "b.DOCX": word([("Normal", "The deposit is 1,800 dollars.")]),
            "c.xlsx": excel({"Costs": [["paint", 40]]}),
            "d.pdf": b"%PDF-1.7 torn off",
            "e.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old",
            "f.txt": "Keys: 2",
        },
    )

    corpus = read_corpus(root, is_document, "documents")

    assert paths(corpus) == ["inbox/a.pdf", "inbox/b.DOCX", "inbox/c.xlsx", "inbox/f.txt"]
    said = {file.path: file.text for file in corpus.files}
    assert "The rent is 900 dollars." in said["inbox/a.pdf"]
    assert "The deposit is 1,800 dollars." in said["inbox/b.DOCX"]
    assert "paint" in said["inbox/c.xlsx"]
    torn, old = corpus.notices
    assert torn.startswith("inbox/d.pdf: ")
    assert old == (
        "inbox/e.doc: documents of older versions of Office are not supported yet: send the text, or a file of text or"
        " HTML, left out"
    )


def test_a_document_that_is_named_and_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.pdf": pdf(["The rent is 900 dollars."]), "torn.pdf": b"%PDF-1.7 torn off"})

    assert "The rent is 900 dollars." in read_files([root / "a.pdf"], is_document, "documents")[0].text
    with pytest.raises(Failure, match=r"torn\.pdf: ") as failure:
        read_files([root / "torn.pdf"], is_document, "documents")
    assert failure.value.exit_code == EXIT_USAGE


def test_a_file_name_that_is_not_utf8_gets_a_readable_path(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    try:
        (root / os.fsdecode(b"caf\xe9.py")).write_text("x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")

    assert paths(source(root)) == ["shop/caf?.py"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        ("é€".encode(), "é€"),
        (b"\xef\xbb\xbfbom", "bom"),
        ("wide é".encode("utf-16"), "wide é"),
        (b"caf\xe9 \x93quoted\x94 and more", "café “quoted” and more"),
        ("cut €".encode()[:-1], "cut "),
        (b"\0binary", None),
        (b"a" * 9000 + b"\0", "a" * 9000 + "\ufffd"),
    ],
)
def test_bytes_become_text(data: bytes, text: str | None) -> None:
    assert decode(data) == text


@given(st.binary(max_size=40))
def test_text_can_always_be_sent(data: bytes) -> None:
    text = decode(data) or ""

    assert "\0" not in text
    text.encode()


@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(0, 5000))
def test_a_fair_cap_is_the_largest_that_fits(sizes: list[int], budget: int) -> None:
    cap = fair_cap(sizes, budget)

    if cap is None:
        assert sum(sizes) <= budget
    else:
        assert sum(min(size, cap) for size in sizes) <= budget
        assert sum(min(size, cap + 1) for size in sizes) > budget
