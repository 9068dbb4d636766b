"""The migrations make one line, each named by its place in it."""

import re
from pathlib import Path

VERSIONS = Path(__file__).parents[2] / "app" / "storage" / "migrations" / "versions"


def test_each_migration_follows_the_one_before() -> None:
    files = sorted(path for path in VERSIONS.glob("*.py") if path.stem != "__init__")

    told = [tuple(re.findall(r'^(?:down_)?revision = "?(\w+)"?$', path.read_text(), re.MULTILINE)) for path in files]

    numbers = [f"{number:04d}" for number in range(1, len(files) + 1)]
    assert [path.name[:4] for path in files] == numbers
    assert told == list(zip(numbers, ["None", *numbers[:-1]], strict=True))
