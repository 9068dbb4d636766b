"""Structured logs on stderr: one JSON object a line, or coloured text on a terminal.

Log lines carry ids, counts and error names; never prompts, outputs, keys or request bodies.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor


def configure(level: str, style: str) -> None:
    """Set up structlog and the standard library's loggers.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        style: ``json``, ``console``, or ``auto`` for console on a terminal.
    """
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Processor = plain if console else structlog.processors.JSONRenderer()
    # Without the local variables of the frames: there are prompts, outputs and keys among them.
    tracebacks = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    exceptions: list[Processor] = [] if console else [tracebacks]
    structlog.configure(
        processors=[*shared, *exceptions, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *exceptions, renderer],
        )
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.WARNING))


_DENIED_HANDSHAKE = "ASGI callable returned without completing handshake."


def _is_news(record: logging.LogRecord) -> bool:
    """Drop what uvicorn calls an error after each refused handshake.

    The refusal was answered: uvicorn does not count a denial response (a 401, a 404) as a completed handshake. Anybody
    could fill the log with it. The same function added again is one filter.
    """
    return record.msg != _DENIED_HANDSHAKE
