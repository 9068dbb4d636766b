"""What every test shares: the event loop of async tests, and the rule that CI skips nothing."""

import gc
import sys
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# No example is judged by a clock. The everyday run (scripts/test) tries a quarter as many of each property as CI does.
settings.register_profile("whole", settings(), deadline=None)
settings.register_profile("everyday", settings(), deadline=None, max_examples=25)
settings.load_profile("whole")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="fail when any test was skipped, as CI does")


def pytest_configure() -> None:
    """Log tracebacks as the service does: the default of structlog draws boxes for seconds, local variables in them."""
    *others, _ = structlog.get_config()["processors"]
    structlog.configure([*others, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


_ALONE = (Path(__file__).parent / "faults", Path(__file__).parent / "e2e" / "distributed")
_NOT_ALONE = {
    "test_budget_kept",
    "test_capabilities",
    "test_credits_kept",
    "test_damaged_files",
    "test_features",
    "test_files_taken_away",
    "test_kill_between_tools",
    "test_kill_while_posting",
    "test_kill_with_key",
    "test_ledger",
    "test_lost_answers",
    "test_nodes",
    "test_old_database",
    "test_same_post_at_once",
}
"""Files there that ask whether and not when: what runs beside them only makes them slower."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what kills, starves and measures: it is judged by a clock, and needs the machine to itself."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _ALONE) and item.path.stem not in _NOT_ALONE:
            item.add_marker("alone")


def pytest_collection_finish() -> None:
    """Spare the collector what is there to stay: modules and thousands of tests, looked through again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    for server in ("postgres", "in_process_workers"):
        support = sys.modules.get(f"tests.support.{server}")  # where no test took one it is not loaded
        if support is not None:
            support.shut_down()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a skip into a failure where every test must run: a missing program must not look like a pass."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--fail-on-skip") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why the run failed if skips were the only reason."""
    skipped = terminalreporter.stats.get("skipped")
    if config.getoption("--fail-on-skip") and skipped:
        terminalreporter.section("skipped tests fail this run", red=True)
        terminalreporter.line(f"{len(skipped)} skipped and --fail-on-skip was given; the reasons are listed above")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio; for the session, so that async fixtures of any scope can use it."""
    return "asyncio"
