"""Hypothesis profiles: `ci` is fast and the same every time; `soak` looks for what nobody has seen yet (HYPOTHESIS_PROFILE=soak).

And no test of functions may log a secret or a prompt: one that does fails, whatever it is about.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.leaks import leaks_in

QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
# Shrinking a long history is worth minutes to whoever hunts a fault, and nothing to a machine that only says red or green.
QUICK = (Phase.explicit, Phase.generate)

settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=60, suppress_health_check=QUIET, database=None
)
settings.register_profile("soak", deadline=None, max_examples=5_000, suppress_health_check=QUIET, print_blob=True)
settings.register_profile("quick", parent=settings.get_profile("ci"), phases=QUICK)
# What the template sets for every function; the handlers under test read it when they are imported.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tollgate")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "tollgate")

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# The demonstration and the servers that stand for others show words, as they should.
SHOWS_WORDS = frozenset({"local", "bench", "soak"})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test and all that it called wrote to stdout, to stderr and to logs is looked through."""
    report = yield
    if report.when != "teardown" or SHOWS_WORDS.intersection(Path(str(item.path)).parts):
        return report
    found = leaks_in("\n".join(text for _, text in report.sections))
    if found and report.passed:
        report.outcome = "failed"
        report.longrepr = "This test's log has what no log may have:\n" + "\n".join(found)
    return report
