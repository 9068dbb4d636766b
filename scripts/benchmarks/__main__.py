"""``python -m scripts.benchmarks``."""

from __future__ import annotations

import sys

from scripts.benchmarks.command import main

if __name__ == "__main__":
    sys.exit(main())
