"""What a Python file imports, defines and calls, read from its syntax tree; nothing is run.

Cautious on purpose: a name that is bound in two places, or in a way that a tree does not show, is left out, so that
what ``cross_check`` says of the rest holds.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_CHARS = 600_000
"""The parser takes about 0.3 s for this much source."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_PLAIN_BASES = frozenset({"object", "Exception"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a call must give; ``self`` is left out.

    Attributes:
        positional: names that may be given by place, the first ``by_place_only`` of them only so.
        required: how many of them have no default.
        keywords: keyword-only names; ``needed`` are those without a default.
        text: as the source has it.
    """

    positional: tuple[str, ...]
    by_place_only: int
    required: int
    keywords: frozenset[str]
    needed: frozenset[str]
    takes_more: bool
    takes_any_keyword: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """``from module import name``, or ``import module`` where ``name`` is None; ``level`` counts leading dots."""

    line: int
    module: str
    level: int
    name: str | None
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of ``name`` or of ``owner.name``; ``is_open`` where ``*`` or ``**`` hides what is given."""

    line: int
    owner: str
    name: str
    given: int
    keywords: tuple[str, ...]
    is_open: bool


@dataclass(slots=True, kw_only=True)
class FileFacts:
    """One file.

    Attributes:
        defines: names that the module has once it is loaded.
        bound_once: names that are bound in one place of the whole file, so that each use means that.
        signatures: of functions, and of classes with a plain ``__init__``, by name.
        stars: modules of ``from … import *``.
        is_open: the module may have names that the tree does not show.
        error: why it could not be read; everything else is empty then.
    """

    path: str
    defines: set[str] = field(default_factory=set)
    bound_once: frozenset[str] = frozenset()
    signatures: dict[str, Signature] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    stars: list[Import] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    uses: list[tuple[int, str, str]] = field(default_factory=list)
    is_open: bool = False
    error: str = ""


def python_facts(path: str, source: str) -> FileFacts:
    """The facts of one file; a file that does not parse has its error for its only fact."""
    facts = FileFacts(path=path)
    if len(source) > MAX_CHARS:
        facts.error, facts.is_open = f"longer than {MAX_CHARS:,} characters", True
        return facts
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about invalid escapes in source that is not ours
            tree = ast.parse(source)
        _read(facts, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        at = f" at line {exc.lineno}" if isinstance(exc, SyntaxError) and exc.lineno else ""
        return FileFacts(path=path, error=f"does not parse{at}", is_open=True)
    return facts


def _read(facts: FileFacts, tree: ast.Module) -> None:
    nodes = list(ast.walk(tree))
    facts.bound_once = frozenset(name for name, times in Counter(_bindings(nodes)).items() if times == 1)
    facts.defines = set(_bindings(list(_at_top(tree))))
    facts.defines |= {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    facts.is_open = "__getattr__" in facts.defines or any(_hides_names(node) for node in nodes)
    optional = _optional(nodes)
    for node in nodes:
        _add(facts, node, optional)
    for statement in tree.body:
        if isinstance(statement, _Function | ast.ClassDef) and statement.name in facts.bound_once:
            signature = _signature_of(statement)
            if signature is not None:
                facts.signatures[statement.name] = signature


def _add(facts: FileFacts, node: ast.AST, optional: set[ast.AST]) -> None:
    match node:
        case ast.ImportFrom() if node.module != "__future__" and node not in optional:
            for alias in node.names:
                found = Import(
                    line=node.lineno,
                    module=node.module or "",
                    level=node.level,
                    name=alias.name,
                    bound=alias.asname or alias.name,
                )
                (facts.stars if alias.name == "*" else facts.imports).append(found)
        case ast.Import() if node not in optional:
            for alias in node.names:
                bound = alias.asname or ("" if "." in alias.name else alias.name)
                facts.imports.append(Import(line=node.lineno, module=alias.name, level=0, name=None, bound=bound))
        case ast.Call(func=ast.Name(id=name)):
            facts.calls.append(_call(node, "", name))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
            facts.calls.append(_call(node, owner, name))
        case ast.Attribute(value=ast.Name(id=owner), attr=name, ctx=ast.Load()):
            facts.uses.append((node.lineno, owner, name))


def _call(node: ast.Call, owner: str, name: str) -> Call:
    return Call(
        line=node.lineno,
        owner=owner,
        name=name,
        given=len(node.args),
        keywords=tuple(keyword.arg for keyword in node.keywords if keyword.arg),
        is_open=any(isinstance(each, ast.Starred) for each in node.args) or any(not k.arg for k in node.keywords),
    )


def _bindings(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                yield name
            case ast.ImportFrom(module="__future__"):
                continue
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name.partition(".")[0]) for alias in node.names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name


def _at_top(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run in the module's own scope, those of its ``if``, ``try`` and ``with`` blocks included."""
    held: list[ast.AST] = list(tree.body)
    while held:
        node = held.pop()
        yield node
        if not isinstance(node, _Function | ast.ClassDef | ast.Lambda):
            held.extend(ast.iter_child_nodes(node))


def _optional(nodes: list[ast.AST]) -> set[ast.AST]:
    """Imports that may fail: those within a ``try`` that has handlers."""
    return {
        inner
        for node in nodes
        if isinstance(node, ast.Try) and node.handlers
        for part in node.body
        for inner in ast.walk(part)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }


def _hides_names(node: ast.AST) -> bool:
    """Whether names may come about that are not written as such."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"globals", "exec"}


def _signature_of(node: _Function | ast.ClassDef) -> Signature | None:
    """Of a plain function, or of a class by its ``__init__``; decorators and bases may change what a call takes."""
    if node.decorator_list:
        return None
    if not isinstance(node, ast.ClassDef):
        return _signature(node.args, skip=0)
    if node.keywords:
        return None
    if not all(isinstance(base, ast.Name) and base.id in _PLAIN_BASES for base in node.bases):
        return None
    methods = [each for each in node.body if isinstance(each, _Function) and each.name in {"__init__", "__new__"}]
    if len(methods) != 1 or methods[0].name != "__init__" or methods[0].decorator_list:
        return None
    return _signature(methods[0].args, skip=1)


def _signature(args: ast.arguments, *, skip: int) -> Signature | None:
    names = [each.arg for each in (*args.posonlyargs, *args.args)]
    if len(names) < skip:
        return None
    keywords = [each.arg for each in args.kwonlyargs]
    with_default = [name for name, default in zip(keywords, args.kw_defaults, strict=True) if default is not None]
    return Signature(
        positional=tuple(names[skip:]),
        by_place_only=max(len(args.posonlyargs) - skip, 0),
        required=max(len(names) - len(args.defaults) - skip, 0),
        keywords=frozenset(keywords),
        needed=frozenset(keywords) - frozenset(with_default),
        takes_more=args.vararg is not None,
        takes_any_keyword=args.kwarg is not None,
        text=f"({ast.unparse(args)})",
    )
