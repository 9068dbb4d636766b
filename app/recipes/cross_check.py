"""Whether the files of a batch fit together: names that are imported are defined, and calls fit what they call.

Only what lies in the batch is judged: the standard library, other packages and generated files are not in it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.recipes.python_facts import Call, FileFacts, Import, Signature

_MAX_HOPS = 8
_ALWAYS = frozenset(
    {"__name__", "__doc__", "__file__", "__path__", "__spec__", "__package__", "__loader__", "__dict__"}
)
_END = ".py"
_PACKAGE = "__init__"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something that two files of the batch do not agree on, at a line of the first."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.text}"


@dataclass(slots=True, kw_only=True)
class Checked:
    """The outcome: problems in order of place, and how many imports and calls were looked at."""

    problems: list[Problem] = field(default_factory=list)
    imports: int = 0
    calls: int = 0


def cross_check(files: Sequence[FileFacts]) -> Checked:
    """Check every file against all others."""
    batch = _Batch(files)
    checked = Checked()
    for facts in files:
        if facts.error:
            checked.problems.append(Problem(path=facts.path, line=1, text=facts.error))
        modules = _check_imports(batch, facts, checked)
        _check_uses(batch, facts, modules, checked)
        for call in facts.calls:
            _check_call(batch, facts, call, modules, checked)
    checked.problems = sorted(set(checked.problems))
    return checked


class _Batch:
    """The modules of the batch by their paths without ``.py`` (of a package: its folder)."""

    def __init__(self, files: Sequence[FileFacts]) -> None:
        self.modules = {key_of(facts.path): facts for facts in files}
        self.folders = {folder for facts in files for folder in _folders(facts.path)}
        self._tops: dict[str, list[str]] = {}
        for key in sorted(self.modules.keys() | self.folders):
            folder, _, name = key.rpartition("/")
            if folder not in self.modules:  # else it is a part of a package and has no name of its own
                self._tops.setdefault(name, []).append(key)

    def resolve(self, facts: FileFacts, wanted: Import) -> tuple[str, bool]:
        """The key of the module that is named, and whether the batch should have it; no key where it lies outside."""
        parts = [part for part in wanted.module.split(".") if part]
        if wanted.level:
            folder = facts.path.split("/")[: -wanted.level]
            base = "/".join(folder)
            return "/".join([*folder, *parts]), bool(folder) and base in self.folders
        if not parts or parts[0] in sys.stdlib_module_names:
            return "", False
        tops = self._tops.get(parts[0], [])
        keys = ["/".join([top, *parts[1:]]) for top in tops]
        for key in keys:
            if key in self.modules or key in self.folders:
                return key, True
        return (keys[0], True) if len(tops) == 1 and tops[0] in self.modules else ("", False)

    def names(self, key: str, name: str, hops: int = 0) -> bool:
        """Whether the module, or folder, of the key has the name."""
        if name in _ALWAYS or f"{key}/{name}" in self.modules or f"{key}/{name}" in self.folders:
            return True
        facts = self.modules.get(key)
        if facts is None or facts.is_open or name in facts.defines:
            return True
        for star in facts.stars:
            source, inside = self.resolve(facts, star)
            if not inside or hops >= _MAX_HOPS or self.names(source, name, hops + 1):
                return True
        return False

    def signature(self, key: str, name: str) -> tuple[str, Signature] | None:
        """What a call of the name in that module must fit, and the path of the file that defines it."""
        for _ in range(_MAX_HOPS):
            facts = self.modules.get(key)
            if facts is None:
                return None
            if name in facts.signatures:
                return facts.path, facts.signatures[name]
            handed_on = [each for each in facts.imports if each.bound == name and name in facts.bound_once]
            if len(handed_on) != 1 or handed_on[0].name is None:
                return None
            key, _ = self.resolve(facts, handed_on[0])
            name = handed_on[0].name
        return None


def key_of(path: str) -> str:
    """A file's path without its ending; of a package's ``__init__.py`` its folder."""
    return path.removesuffix(_END).removesuffix(f"/{_PACKAGE}")


def _folders(path: str) -> Iterator[str]:
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _check_imports(batch: _Batch, facts: FileFacts, checked: Checked) -> dict[str, str]:
    """Check what is imported; returns the modules of the batch by the names they are bound to."""
    modules: dict[str, str] = {}
    for found in facts.imports:
        key, inside = batch.resolve(facts, found)
        if not inside:
            continue
        checked.imports += 1
        if key not in batch.modules and key not in batch.folders:
            shown = "." * found.level + found.module
            text = f"imports `{shown}`, and no file of the batch is that module"
            checked.problems.append(Problem(path=facts.path, line=found.line, text=text))
        elif found.name is None:
            modules[found.bound] = key
        elif not batch.names(key, found.name):
            text = f"imports `{found.name}` from {_shown(batch, key)}, which defines no such name"
            checked.problems.append(Problem(path=facts.path, line=found.line, text=text))
        elif f"{key}/{found.name}" in batch.modules:
            owner = batch.modules.get(key)
            if owner is None or found.name not in owner.defines:
                modules[found.bound] = f"{key}/{found.name}"
    return {name: key for name, key in modules.items() if name in facts.bound_once}


def _check_uses(batch: _Batch, facts: FileFacts, modules: dict[str, str], checked: Checked) -> None:
    for line, owner, name in facts.uses:
        if owner in modules and not batch.names(modules[owner], name):
            text = f"uses `{owner}.{name}`, and {_shown(batch, modules[owner])} defines no `{name}`"
            checked.problems.append(Problem(path=facts.path, line=line, text=text))


def _check_call(batch: _Batch, facts: FileFacts, call: Call, modules: dict[str, str], checked: Checked) -> None:
    if call.owner:
        target = batch.signature(modules[call.owner], call.name) if call.owner in modules else None
    else:
        target = batch.signature(key_of(facts.path), call.name) if call.name in facts.bound_once else None
    if target is None:
        return
    checked.calls += 1
    path, signature = target
    wrong = _misfit(call, signature)
    if wrong:
        text = f"calls `{call.name}` of {path} {wrong}: it is `{call.name}{signature.text}`"
        checked.problems.append(Problem(path=facts.path, line=call.line, text=text))


def _misfit(call: Call, signature: Signature) -> str:
    """What is wrong with the call, empty where nothing is."""
    by_name = set(signature.positional[signature.by_place_only :]) | signature.keywords
    unknown = [name for name in call.keywords if name not in by_name]
    if unknown and not signature.takes_any_keyword:
        return f"with `{unknown[0]}`, which it does not take"
    if call.is_open:
        return ""
    if call.given > len(signature.positional) and not signature.takes_more:
        return f"with {call.given} arguments by place, of which it takes {len(signature.positional)}"
    missing = [name for name in signature.positional[call.given : signature.required] if name not in call.keywords]
    missing += sorted(signature.needed - set(call.keywords))
    return f"without `{missing[0]}`" if missing else ""


def _shown(batch: _Batch, key: str) -> str:
    return batch.modules[key].path if key in batch.modules else f"{key}/"
