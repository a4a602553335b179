"""What all tests share: the commands on PATH, skips that count as failures, and the closing line.

``--no-skips`` turns every skip into a failure: in a full test run, a test that could not run has
shown nothing. Without it, a run that left tests out by ``-m`` ends by saying how many and which
command runs them.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

# Commands of the environment that runs the tests (farmhand, nextstat) must win over others.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

# How fast a machine is must not decide a test: neither in a case, nor in making one up.
settings.register_profile("farmhand", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("farmhand")

pytest_plugins = ["tests.clusters.plugin", "tests.clusters.lsf.stand_in"]

LEFT_OUT = pytest.StashKey[Counter[str]]()
EXCLUDABLE = ("slow", "registry", "slurm", "htcondor", "ssh", "stores", "hadd", "pythia")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()


def fail_if_skipped(report: Any, config: pytest.Config) -> None:
    if report.outcome == "skipped" and config.getoption("--no-skips"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
        report.outcome = "failed"
        report.longrepr = f"not run, which a full test run does not allow: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_if_skipped(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_if_skipped(report, collector.config)
    return report


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        counts = item.config.stash[LEFT_OUT]
        counts.update([name for name in EXCLUDABLE if item.get_closest_marker(name)][:1])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # Every worker collects, and so leaves out, the same tests: take one's counts, not the sum.
    counts = getattr(node, "workeroutput", {}).get("left_out", {})
    node.config.stash[LEFT_OUT] = Counter(counts)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost, to come after the runner's last line
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    counts = session.config.stash[LEFT_OUT]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # this is a worker of pytest-xdist: hand the counts to the controller
        output["left_out"] = dict(counts)
    yield
    counts = session.config.stash[LEFT_OUT]
    if output is None and counts and session.config.getoption("markexpr"):
        parts = [f"{number} marked {mark}" for mark, number in sorted(counts.items())]
        line = f"Left out: {', '.join(parts)}. To run everything: make test-all"
        session.config.get_terminal_writer().line(line)
