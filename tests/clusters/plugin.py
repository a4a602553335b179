"""Fixtures of real schedulers: one SLURM and one HTCondor, private, for the whole run of tests.

The first test that asks brings it up; processes of pytest-xdist share it; the process that the run
was started in takes it down at the very end, also after failures. What a killed run left behind is
taken down by the next one. Its directory is in /tmp, for the user `farmer` cannot enter those of
pytest: `slurm.workspace()` and `condor.workspace()` give a directory of hers for a run.

Tests that use one of these fixtures are marked `slurm`, `htcondor` or `ssh`.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.clusters.condor import Condor
from tests.clusters.daemons import ClusterError, start_time
from tests.clusters.slurm import Slurm
from tests.clusters.slurm_cluster import take_down
from tests.clusters.slurm_conf import Options
from tests.clusters.sshd import Farm

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path("/tmp")
PREFIX = "farmhand-tests."
FIXTURES = {
    "slurm": {"slurm_home", "slurm", "small_slurm", "limited_slurm", "own_slurm"},
    "htcondor": {"condor_home", "condor", "own_condor"},
    "ssh": {"sshd"},
}
Cluster = TypeVar("Cluster", Slurm, Condor)
HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("clusters_home")
    config.stash[HOME] = Path(given or TOP / name_of_run(os.getpid()))


def name_of_run(pid: int) -> str:
    """Pid and start time: whose it is, and whether that process lives, is told by the name."""
    return f"{PREFIX}{pid}-{start_time(pid)}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist where the clusters of this run are."""
    node.workerinput["clusters_home"] = str(node.config.stash[HOME])


@pytest.hookimpl(tryfirst=True)  # before -m picks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark, fixtures in FIXTURES.items():
            if fixtures & set(getattr(item, "fixturenames", ())):
                item.add_marker(mark)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    home = config.stash[HOME]
    if home.exists() and any(home.iterdir()) and failed(terminalreporter):
        terminalreporter.section("schedulers")
        terminalreporter.line(f"logs of the daemons and directories of runs are kept in {home}")


def failed(terminalreporter: Any) -> bool:
    return any(terminalreporter.stats.get(name) for name in ("failed", "error"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or HOME not in config.stash:
        return
    home = config.stash[HOME]
    take_down_all(home)
    terminalreporter = config.pluginmanager.get_plugin("terminalreporter")
    if terminalreporter is None or not failed(terminalreporter):
        shutil.rmtree(home, ignore_errors=True)
    for database in home.glob("**/db"):
        shutil.rmtree(database, ignore_errors=True)


def take_down_all(home: Path) -> None:
    """What all tests share, and what a test had for itself."""
    for pool in sorted(home.glob("condor*")):
        Condor(pool).down()
    for farm in sorted(home.glob("ssh-*")):
        Farm(farm).down()
    for own in sorted(home.glob("own-*")):
        take_down(own)
    take_down(home)


def take_down_stale() -> None:
    """End what earlier runs left, those whose process is gone."""
    for home in TOP.glob(f"{PREFIX}*-*"):
        pid, _, started = home.name.removeprefix(PREFIX).partition("-")
        if str(start_time(int(pid))) != started and home.owner() == "root":
            take_down_all(home)
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def clusters_home(pytestconfig: pytest.Config) -> Path:
    """The directory of this run's clusters."""
    home = pytestconfig.stash[HOME]
    if not home.exists():
        take_down_stale()
        home.mkdir(mode=0o755, exist_ok=True)  # another process of this run may have been faster
    return home


def brought_up(cluster: Cluster) -> Cluster:
    try:
        cluster.up()
    except ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    return cluster


@pytest.fixture(scope="session")
def slurm_home(clusters_home: Path) -> Path:
    """The directory of this run's SLURM."""
    return clusters_home


@pytest.fixture(scope="session")
def slurm(slurm_home: Path) -> Slurm:
    """The cluster that all tests share: do not stop its daemons, do not take its nodes down.

    `slurm.sbatch(…, cwd=run)` and `slurm.run_as_user([…])` type as the user `farmer`; a run is
    rendered in `slurm.workspace()`, which is hers. `farmhand` is run by `run_as_user` too: where
    the clone or its Python cannot be read by others, that process, and not its jobs, may read them
    all the same. Jobs may not: their commands are the system's, not those of `.venv`.
    `slurm.admin(…)` types as the administrator.
    """
    return brought_up(Slurm(slurm_home))


@pytest.fixture(scope="session")
def small_slurm(slurm_home: Path) -> Slurm:
    """A cluster beside it where arrays have indices up to 10 only; up when it is asked for."""
    return brought_up(Slurm(slurm_home, "small", Options(max_array_size=11)))


@pytest.fixture(scope="session")
def limited_slurm(slurm_home: Path) -> Slurm:
    """A cluster beside it where the user may have 5 jobs at a time (MaxSubmitJobs)."""
    return brought_up(Slurm(slurm_home, "limited", Options(max_submit_jobs=5)))


@pytest.fixture
def own_slurm(slurm_home: Path, tmp_path: Path) -> Iterator[Slurm]:
    """An instance for one test, which may stop what it likes: five seconds."""
    home = slurm_home / f"own-{os.getpid()}-{tmp_path.name.rpartition('_')[2]}"
    yield brought_up(Slurm(home))
    take_down(home)


@pytest.fixture(scope="session")
def condor_home(clusters_home: Path) -> Path:
    """The directory of this run's HTCondor pool."""
    return clusters_home / "condor"


@pytest.fixture(scope="session")
def condor(condor_home: Path) -> Condor:
    """The pool that all tests share: do not stop its daemons, do not take its nodes down.

    `condor.submit(file)` and `condor.run_as_user([…])` type as the user `farmer`; a run is rendered
    in `condor.workspace()`, which is hers, and `farmhand` is run by `run_as_user` too. Jobs with
    should_transfer_files = NO run as her; those with YES as nobody, on a node of their own, and a
    `condor.workspace(mode=0o700)` is closed to them. `condor.admin(…)` types as the administrator.
    """
    return brought_up(Condor(condor_home))


@pytest.fixture
def own_condor(condor_home: Path) -> Iterator[Condor]:
    """A pool for one test, which may stop what it likes: two seconds."""
    name = f"{condor_home.name}-{secrets.token_hex(4)}"
    pool = brought_up(Condor(condor_home.with_name(name)))
    yield pool
    pool.down()


@pytest.fixture
def sshd(clusters_home: Path) -> Iterator[Farm]:
    """A place for hosts of one test, which adds what it wants: a tenth of a second each."""
    farm = Farm(clusters_home / f"ssh-{secrets.token_hex(4)}")
    farm.up()
    yield farm
    farm.down()
