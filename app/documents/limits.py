"""Bounds of the process that parses one document, and of what it gives back."""

from __future__ import annotations

import resource

MAX_CHARS = 4_000_000
"""Of text that is taken from one document; what is left is told."""
READING_S = 12.0
"""Processor time after which no further page is begun."""
CPU_S = 20
HTML_CPU_S = 8
"""For the main text of a web page; whoever it is too little for, our own reader stands by."""
WALL_S = 30.0
MEMORY_BYTES = 1024 * 1024 * 1024
MAX_ANSWER_BYTES = 12 * MAX_CHARS
"""Of the worker's answer, JSON in UTF-8; what is longer is not from our code."""
_DESCRIPTORS = 64


def limit_this_process(cpu_s: int) -> None:
    """Bound memory, processor time, files and dumps of this process for good."""
    for which, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    ):
        _, hard = resource.getrlimit(which)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bound, bound))
