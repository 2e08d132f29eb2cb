"""What every test run knows: the option --ci, that Hypothesis judges no test by its speed, and a clock.

The servers come from tests/servers, empty stores from tests/stores/places; other fixtures live beside their tests.
"""

import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from treadle.testing import FakeClock

pytest_plugins = ["pytester", "tests.servers.plugin", "tests.stores.places"]

settings.register_profile("treadle", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("treadle")

# A skip that stays one under --ci must say that the machine cannot, not that nobody looked.
IMPOSSIBLE_HERE = "not on this platform"


# A shell starts what runs in the background deaf to Ctrl-C, and so would be all that tests start, unless they catch it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ci", action="store_true", help="a skipped test fails: on this machine everything must run")


def must_run(report: pytest.TestReport | pytest.CollectReport) -> bool:
    """Tell whether this skip is one that --ci forbids. An expected failure is no skip."""
    return report.skipped and not hasattr(report, "wasxfail") and IMPOSSIBLE_HERE not in str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.getoption("--ci") and must_run(report):
        report.outcome, report.longrepr = "failed", f"skipped, which --ci forbids: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.getoption("--ci") and must_run(report):
        report.outcome, report.longrepr = "failed", f"skipped, which --ci forbids: {report.longrepr}"
    return report


@pytest.fixture
def clock() -> FakeClock:
    """The store's clock, moved by hand."""
    return FakeClock()
