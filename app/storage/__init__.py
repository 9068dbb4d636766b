"""The database behind ``ports.store``: all SQL of the service lives in this package, and nothing else does.

Writes go through one writer that commits many callers' work in one transaction (``writer``); reads go through
SQLAlchemy's async engine (``engine``). Whatever SQLite and PostgreSQL do differently is in ``dialect``.

Decision, 2026-11-21: hot-path writes are Core statements compiled once and executed by the driver itself; compiling and
dispatching them through SQLAlchemy per call costs three times as much CPU a task.
"""
