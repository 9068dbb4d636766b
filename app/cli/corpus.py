"""The files a demo works on: found under a folder, decoded to text, and fitted into what one request may carry.

Nothing is dropped silently: whatever is skipped or cut leaves a line in ``Corpus.notices``.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import counted

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_PARSED_BYTES = 32 * 1024 * 1024
"""Of a PDF, Word or Excel document, whose text is a small part of it."""
MAX_TASK_TEXT_BYTES = 800_000
"""As JSON; the service takes 1 MiB a task, and prompt and path need room too."""
MAX_CORPUS_BYTES = 28 * 1024 * 1024
"""As JSON; the service takes 32 MiB a request."""
MAX_FILES = 15_000
"""Leaves room for parts and aggregators under the service's 20,000 tasks a swarm."""

_SKIPPED_DIRS = frozenset(
    {"__pycache__", "node_modules", "bower_components", "jspm_packages", "site-packages", "vendor", "third_party"}
)
_LANGUAGES = {
    "Python": ".py .pyi .pyx", "JavaScript": ".js .mjs .cjs .jsx", "TypeScript": ".ts .tsx .mts .cts", "Go": ".go",
    "Rust": ".rs", "C": ".c .h", "C++": ".cc .cpp .cxx .hh .hpp .hxx", "C#": ".cs", "Java": ".java", "Ruby": ".rb",
    "Kotlin": ".kt .kts", "Scala": ".scala", "Swift": ".swift", "PHP": ".php", "Perl": ".pl .pm", "R": ".r",
    "Julia": ".jl", "Lua": ".lua", "Haskell": ".hs", "OCaml": ".ml .mli", "Elixir": ".ex .exs", "Erlang": ".erl",
    "Clojure": ".clj .cljs", "Dart": ".dart", "Zig": ".zig", "Nim": ".nim", "Shell": ".sh .bash .zsh", "SQL": ".sql",
    "CSS": ".css .scss .less", "HTML": ".html .htm", "Vue": ".vue", "Svelte": ".svelte", "Protocol Buffers": ".proto",
    "Terraform": ".tf", "TOML": ".toml", "YAML": ".yaml .yml", "Objective-C": ".m .mm", "Fortran": ".f90 .f",
}  # fmt: skip
_LANGUAGE_OF_SUFFIX = {suffix: name for name, suffixes in _LANGUAGES.items() for suffix in suffixes.split()}
_LANGUAGE_OF_NAME = {"Dockerfile": "Dockerfile", "Makefile": "Make", "CMakeLists.txt": "CMake"}
_PARSED_SUFFIXES = frozenset({".pdf", ".docx", ".docm", ".xlsx", ".xlsm"})
_UNREADABLE_SUFFIXES = frozenset({".doc", ".xls", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".rtf", ".epub"})
"""Documents that nothing here reads: walked all the same, so that a folder does not lose them without a word."""
_DOCUMENT_SUFFIXES = frozenset({".rst", ".md", ".txt", ".html", ".htm"}) | _PARSED_SUFFIXES | _UNREADABLE_SUFFIXES


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A file as text; ``path`` is relative to the corpus' root's parent, with ``/``, and unique in its corpus."""

    path: str
    text: str

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass(slots=True, kw_only=True)
class Corpus:
    """Files in order of their paths, and a line about everything that was left out or cut."""

    root: Path
    files: list[TextFile] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def language_of(path: str) -> str | None:
    """The language of a source file by its name; None when it is no source file."""
    name = path.rpartition("/")[2]
    if name.endswith((".min.js", ".min.css")):
        return None
    return _LANGUAGE_OF_NAME.get(name) or _LANGUAGE_OF_SUFFIX.get(os.path.splitext(name)[1].lower())


def is_document(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in _DOCUMENT_SUFFIXES


def read_corpus(root: Path, wanted: Callable[[str], object], what: str) -> Corpus:
    """Read every wanted text file under ``root`` (or ``root`` itself where it is a file).

    Args:
        wanted: says by a file's path whether it belongs; truthy keeps it.
        what: the word for such files in messages, plural.

    Raises:
        Failure: there is no such folder, or nothing to read in it.
    """
    if not root.exists():
        raise Failure(f"{root} does not exist", EXIT_USAGE)
    corpus = Corpus(root=root)
    base = root.resolve().parent
    empty = 0
    for path in [root.resolve()] if root.is_file() else _walk(root.resolve(), corpus.notices):
        name = path.relative_to(base).as_posix().encode("utf-8", "replace").decode()
        if not wanted(name):
            continue
        if len(corpus.files) >= MAX_FILES:
            corpus.notices.append(f"more than {MAX_FILES:,} {what}: the rest was left out")
            break
        text = _read_text(path, name, corpus.notices)
        if text is not None and text.strip():
            corpus.files.append(TextFile(path=name, text=text))
        empty += text is not None and not text.strip()
    if empty:
        corpus.notices.append(f"left out {counted(empty, 'empty file')}")
    if not corpus.files:
        raise Failure(f"no {what} to read in {root}", EXIT_USAGE)
    return corpus


def _walk(root: Path, notices: list[str]) -> Iterator[Path]:
    """Regular files under ``root``, folders and files in order of their names; symbolic links are not followed."""

    def unreadable(error: OSError) -> None:
        notices.append(f"{error.filename}: {error.strerror}, left out")

    for folder, names, files in os.walk(root, onerror=unreadable):
        names[:] = sorted(name for name in names if not _is_foreign(os.path.join(folder, name), name))
        for name in sorted(files):
            path = Path(folder, name)
            if not name.startswith(".") and stat.S_ISREG(path.lstat().st_mode):
                yield path


def _is_foreign(path: str, name: str) -> bool:
    """Hidden, generated or someone else's code: not what the user wants reviewed."""
    if name.startswith(".") or name in _SKIPPED_DIRS or name.endswith(".egg-info"):
        return True
    return os.path.exists(os.path.join(path, "pyvenv.cfg"))


def _read_text(path: Path, name: str, notices: list[str]) -> str | None:
    try:
        if is_office(name):
            return read_office(path, name)
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        notices.append(f"{name}: {exc.strerror}, left out")
        return None
    except Failure as exc:
        notices.append(f"{exc}, left out")
        return None
    is_cut = len(data) > MAX_FILE_BYTES
    text = decode(data[:MAX_FILE_BYTES])
    if text is None:
        notices.append(f"{name}: binary, left out")
    elif is_cut:
        notices.append(f"{name}: longer than {MAX_FILE_BYTES // 2**20} MiB, only its beginning is read")
    return text


def is_office(path: str) -> bool:
    """Whether the name is that of a document whose text a library has to find, or of one that none here reads."""
    return os.path.splitext(path)[1].lower() in _PARSED_SUFFIXES | _UNREADABLE_SUFFIXES


def read_office(path: Path, name: str) -> str:
    """Text of a PDF, Word or Excel document, found as the service would find it.

    Raises:
        OSError: it cannot be opened.
        Failure: it is too large, damaged, encrypted or of another kind; the message begins with ``name``.
    """
    from app.documents.text import text_of
    from app.ports.workspace import UnreadableDocument

    with path.open("rb") as file:
        data = file.read(MAX_PARSED_BYTES + 1)
    if len(data) > MAX_PARSED_BYTES:
        raise Failure(f"{name}: larger than {MAX_PARSED_BYTES >> 20} MiB", EXIT_USAGE)
    try:
        return text_of(name, data)
    except UnreadableDocument as exc:
        raise Failure(f"{name}: {exc}", EXIT_USAGE) from exc


def decode(data: bytes) -> str | None:
    """Text of a file without a declared encoding; None when it is binary. Never holds NUL or lone surrogates."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").replace("\0", "\ufffd")
    if b"\0" in data[:8192]:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        # A cut in the middle of the last character is still UTF-8; anything else is most likely Windows' encoding.
        text = data[: exc.start].decode("utf-8-sig") if exc.start >= len(data) - 3 else data.decode("cp1252", "replace")
    return text.replace("\0", "\ufffd")


def fair_cap(sizes: Sequence[int], budget: int) -> int | None:
    """The largest cap for which the sizes, each cut to it, fit the budget; None when they fit as they are.

    Long files give way before short ones lose anything, so every file stays represented.
    """
    if sum(sizes) <= budget:
        return None
    left = budget
    ordered = sorted(sizes)
    for index, size in enumerate(ordered):
        share = left // (len(ordered) - index)
        if size > share:
            return share
        left -= size
    return None
