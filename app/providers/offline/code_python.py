"""A review of Python source computed from its syntax tree: counts and findings, each with its line."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator

from app.providers.offline.code_lines import count_comments, line_findings
from app.providers.offline.findings import FileReview, Finding
from app.providers.offline.text import count_lines, shorten

MAX_PARSED_CHARACTERS = 600_000
"""The parser holds the interpreter lock for its whole run: about 0.3 s for this much source."""

LONG_FUNCTION_LINES = 60
DEEP_NESTING = 5
MANY_ARGUMENTS = 8

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_NESTING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
_MUTABLE_CALLS = frozenset({"list", "dict", "set", "defaultdict", "Counter", "deque", "bytearray"})
_UNSAFE_LOADS = frozenset({"pickle.load", "pickle.loads", "yaml.load", "marshal.loads", "marshal.load"})
_PARSING = threading.Lock()


def parse_python(source: str) -> ast.Module | SyntaxError | None:
    """The tree, the error that stopped the parser, or None for source it cannot take (too long, too deep, NUL)."""
    if len(source) > MAX_PARSED_CHARACTERS:
        return None
    # Reviewed source may hold invalid escapes, about which the parser warns; the filters are global, hence the lock.
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as exc:
            return exc
        except (ValueError, RecursionError, MemoryError):
            return None


def review_python(source: str) -> FileReview:
    """Review one file; a file that does not parse is a finding of its own."""
    tree = parse_python(source)
    review = FileReview(
        language="Python",
        lines=count_lines(source),
        blank=sum(1 for line in source.split("\n") if not line.strip()) - (1 if source.endswith("\n") else 0),
        comments=count_comments(source, ("#",)),
        functions=0,
        classes=0,
        findings=line_findings(source, ("#",)),
        notes=[],
    )
    if isinstance(tree, SyntaxError):
        review.findings.append(Finding(tree.lineno or 1, "syntax-error", f"does not parse: {shorten(tree.msg, 80)}"))
    elif tree is not None:
        _review_tree(tree, review)
    else:
        review.notes.append("Too long or too deeply nested to parse: only its lines were looked at.")
    review.findings.sort(key=lambda finding: (finding.line, finding.kind))
    return review


def _review_tree(tree: ast.Module, review: FileReview) -> None:
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, FunctionNode)]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    review.functions, review.classes = len(functions), len(classes)
    review.purpose = shorten((ast.get_docstring(tree) or "").partition("\n\n")[0], 160)
    for check in (_exceptions, _calls, _imports):
        review.findings.extend(check(nodes))
    for function in functions:
        review.findings.extend(_function(function))
    review.findings.extend(_docstrings(tree))
    review.findings.extend(_deep_blocks(tree))
    if functions:
        longest = max(functions, key=_length)
        review.notes.append(
            f"Longest function: `{longest.name}`, {_length(longest)} lines, starting at line {longest.lineno}."
        )
    if classes:
        largest = max(classes, key=_length)
        methods = sum(isinstance(node, FunctionNode) for node in largest.body)
        review.notes.append(
            f"Largest class: `{largest.name}`, {_length(largest)} lines, {methods} methods, at line {largest.lineno}."
        )


def _length(node: FunctionNode | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _exceptions(nodes: list[ast.AST]) -> Iterator[Finding]:
    for node in nodes:
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type
        names = [caught] if caught is not None and not isinstance(caught, ast.Tuple) else getattr(caught, "elts", [])
        broad = [name.id for name in names if isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"}]
        raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        if caught is None and not raises:
            yield Finding(node.lineno, "bare-except", "bare `except:` also catches KeyboardInterrupt and SystemExit")
        elif broad and not raises:
            yield Finding(node.lineno, "broad-except", f"`except {broad[0]}` hides unexpected errors")
        if (caught is None or broad) and len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
            yield Finding(node.lineno, "swallowed-exception", "every error is silently dropped here")


def _calls(nodes: list[ast.AST]) -> Iterator[Finding]:
    for node in nodes:
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts:
            yield Finding(node.lineno, "assert-on-tuple", "asserts a tuple, which is always true")
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func)
        if name in {"eval", "exec"}:
            yield Finding(node.lineno, "eval-or-exec", f"`{name}()` runs text as code")
        elif name in _UNSAFE_LOADS and not any(keyword.arg == "Loader" for keyword in node.keywords):
            yield Finding(node.lineno, "unsafe-load", f"`{name}` can run code from the data it reads")
        elif name == "os.system":
            yield Finding(node.lineno, "shell-injection", "`os.system` hands the whole text to a shell")
        for keyword in node.keywords:
            if keyword.arg == "shell" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True:
                yield Finding(node.lineno, "shell-injection", f"`{name or 'call'}` with `shell=True`")


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _imports(nodes: list[ast.AST]) -> Iterator[Finding]:
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    exported: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
            exported.update(node.value.replace("[", " ").replace("]", " ").replace(".", " ").replace("|", " ").split())
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            if alias.name == "*":
                module = getattr(node, "module", None) or "."
                yield Finding(node.lineno, "star-import", f"`from {module} import *` hides where names come from")
                continue
            bound = alias.asname or alias.name.partition(".")[0]
            # ``import x as x`` is the accepted way to re-export; strings may be annotations or ``__all__``.
            if bound not in used and bound not in exported and alias.asname != alias.name:
                yield Finding(node.lineno, "unused-import", f"`{bound}` is imported and never used")


def _function(node: FunctionNode) -> Iterator[Finding]:
    length = _length(node)
    if length > LONG_FUNCTION_LINES:
        yield Finding(node.lineno, "long-function", f"`{node.name}` has {length} lines")
    arguments = node.args
    total = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    if total > MANY_ARGUMENTS:
        yield Finding(node.lineno, "many-arguments", f"`{node.name}` takes {total} arguments")
    for default in [*arguments.defaults, *arguments.kw_defaults]:
        if isinstance(default, ast.List | ast.Dict | ast.Set) or (
            isinstance(default, ast.Call) and _dotted(default.func).rpartition(".")[2] in _MUTABLE_CALLS
        ):
            yield Finding(default.lineno, "mutable-default", f"`{node.name}` shares one mutable default between calls")


def _docstrings(tree: ast.Module) -> Iterator[Finding]:
    """Public names that can be seen from outside: the module, its classes and functions, their methods."""
    if tree.body and ast.get_docstring(tree) is None:
        yield Finding(1, "missing-docstring", "the module has no docstring")
    stack: list[tuple[ast.stmt, str]] = [(node, "") for node in tree.body]
    while stack:
        node, owner = stack.pop()
        if not isinstance(node, FunctionNode | ast.ClassDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            what = "class" if isinstance(node, ast.ClassDef) else "method" if owner else "function"
            yield Finding(node.lineno, "missing-docstring", f"public {what} `{owner}{node.name}` has no docstring")
        if isinstance(node, ast.ClassDef):
            stack.extend((inner, f"{node.name}.") for inner in node.body)


def _deep_blocks(tree: ast.Module) -> Iterator[Finding]:
    """The first block of each function that lies too deep; ``elif`` is no deeper than its ``if``."""
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST) or isinstance(child, ast.expr):
                    continue
                inner = depth
                if isinstance(child, FunctionNode | ast.ClassDef):
                    inner = 0
                elif isinstance(child, _NESTING):
                    is_elif = isinstance(node, ast.If) and name == "orelse" and isinstance(child, ast.If)
                    inner = depth if is_elif else depth + 1
                    if inner == DEEP_NESTING and not is_elif:
                        yield Finding(child.lineno, "deep-nesting", f"block nested {inner} levels deep")
                stack.append((child, inner))
