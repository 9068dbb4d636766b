"""The check across Python files finds what does not fit, and only that."""

from pathlib import Path

import pytest

import app
from app.recipes.cross_check import Checked, cross_check
from app.recipes.fact_sheet import MAX_PROBLEMS, fact_sheet
from app.recipes.python_facts import MAX_CHARS, python_facts

SHOP = {
    "shop/__init__.py": "from shop.cart import total\n__version__ = '1'\n",
    "shop/cart.py": (
        "TAX = 0.2\n"
        "def total(prices, tax=TAX, *, rounded):\n    return sum(prices)\n"
        "class Cart:\n    def __init__(self, owner, *items):\n        self.items = items\n"
        "def any_way(first, /, *rest, **more): ...\n"
        "if TAX:\n    late = 1\nelse:\n    later = 2\n"
        "try:\n    import fast\nexcept ImportError:\n    fast = None\n"
    ),
    "shop/api/__init__.py": "",
    "shop/api/orders.py": "from ..cart import Cart\nORDERS = [Cart('me', 1, 2)]\n",
}


def check(extra: str, path: str = "shop/main.py") -> Checked:
    files = {name: source for name, source in SHOP.items() if source} | {path: extra}
    return cross_check([python_facts(name, source) for name, source in files.items()])


def problems(extra: str, path: str = "shop/main.py") -> list[str]:
    return [str(problem) for problem in check(extra, path).problems]


@pytest.mark.parametrize(
    "source",
    [
        "from shop.cart import TAX, Cart, late, later, fast\n",
        "from shop import total, cart, __version__, __name__\n",
        "from . import cart, api\nfrom .api import orders\nfrom .api.orders import ORDERS, Cart\n",
        "import shop.cart\nimport json\nimport numpy.linalg\nfrom numpy import nothing_known\n",
        "try:\n    from shop.speedups import total\nexcept ImportError:\n    from shop.cart import total\n",
        "from shop.cart import total\ntotal([1], rounded=True)\ntotal([1], 0.1, rounded=True)\n",
        "from shop.cart import any_way\nany_way(1, 2, 3, x=4)\n",
        "from shop.cart import Cart\nCart('me')\nCart(owner='me')\nCart(*['me'])\n",
        "from shop.cart import total\nwishes = {}\ntotal(**wishes)\n",
        "from shop import cart\ncart.Cart('me')\nprint(cart.TAX)\n",
        "from shop.cart import total\ndef inner(total):\n    return total()\n",
        "def total(): ...\nif total:\n    from shop.cart import total\ntotal(1, 2, 3)\n",
    ],
)
def test_what_fits_is_no_problem(source: str) -> None:
    assert problems(source) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from shop.cart import totals\n", "1 imports `totals` from shop/cart.py, which defines no such name"),
        ("from .cart import totals\n", "1 imports `totals` from shop/cart.py, which defines no such name"),
        ("\nfrom shop import nothing\n", "2 imports `nothing` from shop/__init__.py, which defines no such name"),
        ("import shop.stock\n", "1 imports `shop.stock`, and no file of the batch is that module"),
        ("from .stock import x\n", "1 imports `.stock`, and no file of the batch is that module"),
        ("from . import cart\nprint(cart.TAXES)\n", "2 uses `cart.TAXES`, and shop/cart.py defines no `TAXES`"),
        (
            "from shop.cart import total\ntotal([1])\n",
            "2 calls `total` of shop/cart.py without `rounded`: it is `total(prices, tax=TAX, *, rounded)`",
        ),
        (
            "from shop import total\ntotal([1], 0.1, 2, rounded=1)\n",
            "2 calls `total` of shop/cart.py with 3 arguments by place, of which it takes 2: "
            "it is `total(prices, tax=TAX, *, rounded)`",
        ),
        (
            "from shop import cart\ncart.Cart('me', colour='red')\n",
            "2 calls `Cart` of shop/cart.py with `colour`, which it does not take: it is `Cart(self, owner, *items)`",
        ),
        ("def f(x): ...\nf()\n", "2 calls `f` of shop/main.py without `x`: it is `f(x)`"),
        ("def f(:\n", "1 does not parse at line 1"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(source: str, expected: str) -> None:
    assert problems(source) == [f"shop/main.py:{expected}"]


def test_a_script_folder_without_a_package_is_its_own_root() -> None:
    files = {"tools/run.py": "from cart import total, tax\n", "tools/cart.py": "def total(): ...\n"}
    found = cross_check([python_facts(name, source) for name, source in files.items()]).problems

    assert [str(each) for each in found] == [
        "tools/run.py:1 imports `tax` from tools/cart.py, which defines no such name"
    ]


def test_a_star_hands_names_on() -> None:
    files = {"p/__init__.py": "from p.a import *\n", "p/a.py": "x = 1\n", "p/b.py": "from p import x, y\n"}
    found = cross_check([python_facts(name, source) for name, source in files.items()]).problems

    assert [each.text for each in found] == ["imports `y` from p/__init__.py, which defines no such name"]


def test_stars_in_a_circle_end() -> None:
    files = {"p/a.py": "from p.b import *\n", "p/b.py": "from p.a import *\n", "p/c.py": "from p.a import x\n"}

    cross_check([python_facts(name, source) for name, source in files.items()])


def test_modules_whose_names_cannot_be_known_are_not_judged() -> None:
    assert problems("def __getattr__(name): ...\n", "shop/open.py") == []
    for opening in ("def __getattr__(name): ...\n", "globals()['x'] = 1\n", "from numpy import *\n"):
        files = {"p/a.py": opening, "p/b.py": "from p.a import anything\n"}
        assert cross_check([python_facts(name, source) for name, source in files.items()]).problems == []


def test_source_that_cannot_be_read_is_said_to_be_so() -> None:
    assert python_facts("a.py", "x = 1\n" * MAX_CHARS).error == "longer than 600,000 characters"
    assert python_facts("a.py", "x\0").error.startswith("does not parse")
    assert python_facts("a.py", f"def f(x={'-' * 50_000}1): ...").error.startswith("does not parse")
    assert python_facts("a.py", "(" * 10_000).error.startswith("does not parse")


def test_this_project_fits_together() -> None:
    root = Path(str(app.__file__)).parent
    files = [
        python_facts(path.relative_to(root.parent).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
    ]
    checked = cross_check(files)

    assert [str(problem) for problem in checked.problems] == []
    assert checked.imports > 1000
    assert checked.calls > 1000


def test_the_sheet_begins_with_counts_and_problems() -> None:
    facts = [python_facts("a.py", "import b\ndef f(x): ...\nf()\n"), python_facts("b.py", "Y = 1\n")]
    lines = fact_sheet(facts, cross_check(facts)).splitlines()

    assert lines == [
        "Python-files: 2",
        "Imports-checked: 1",
        "Calls-checked: 1",
        "Problems: 1",
        "Problem-1: a.py:3 calls `f` of a.py without `x`: it is `f(x)`",
        "",
        "# What the files import and define",
        "",
        "- a.py: imports b; defines f(x)",
        "- b.py: imports nothing; defines Y",
    ]


def test_a_sheet_of_very_many_problems_counts_the_rest() -> None:
    facts = [python_facts("a.py", "def f(x): ...\n" + "f()\n" * (MAX_PROBLEMS + 5))]
    sheet = fact_sheet(facts, cross_check(facts))

    assert "\nProblem-60: " in sheet
    assert "\nProblem-61: " not in sheet
    assert "\nProblems-not-listed: 5\n" in sheet
