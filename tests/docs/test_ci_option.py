"""With --ci a skip is a failure: nobody should read "passed" where nothing ran."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
PLUGINS = 'pytest_plugins = ["pytester", "tests.servers.plugin", "tests.stores.places"]'
TESTS = """
    import pytest

    def test_skips(): pytest.skip("no server")

    @pytest.mark.skip(reason="no server")
    def test_is_marked(): pass

    def test_cannot_run_here(): pytest.skip("not on this platform: no fork")

    @pytest.mark.xfail
    def test_is_expected_to_fail(): assert False
"""


def outcomes(pytester: pytest.Pytester, test: str, *options: str) -> dict[str, int]:
    """Run one test file under our conftest; give back pytest's counts."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8").replace(PLUGINS, ""))
    pytester.makepyfile(test)
    return pytester.runpytest_inprocess("-p", "no:asyncio", *options).parseoutcomes()


def test_with_ci_a_skip_fails_unless_the_platform_forbids_the_test(pytester: pytest.Pytester) -> None:
    assert outcomes(pytester, TESTS, "--ci") == {"failed": 1, "errors": 1, "skipped": 1, "xfailed": 1}


def test_with_ci_a_module_cannot_skip_itself(pytester: pytest.Pytester) -> None:
    assert outcomes(pytester, "import pytest\npytest.importorskip('no_such_module')", "--ci") == {"errors": 1}


def test_without_ci_a_skip_is_a_skip(pytester: pytest.Pytester) -> None:
    assert outcomes(pytester, TESTS) == {"skipped": 3, "xfailed": 1}
