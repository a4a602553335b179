"""Studies of the ordinary user on a real SLURM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters.plugin import brought_up
from tests.clusters.slurm import Slurm
from tests.slurm import limits
from tests.slurm.season import Told, once
from tests.slurm.study import Study


@pytest.fixture
def study(slurm: Slurm) -> Iterator[Study]:
    """A directory of the user on the shared cluster; its jobs are cancelled in the end."""
    made = Study(slurm, slurm.workspace())
    yield made
    made.cancel()


@pytest.fixture(scope="session")
def rough_slurm(slurm_home: Path) -> Slurm:
    """A cluster beside the shared one, whose node n2 breaks: for the scenes of this folder.

    It is brought up once and not by each process: that would mend what a scene has broken.
    """
    made = Slurm(slurm_home, "rough")
    once(slurm_home, "rough", lambda: {"name": brought_up(made).name})
    return made


@pytest.fixture(scope="session")
def begun_limits(slurm_home: Path, rough_slurm: Slurm) -> Told:
    """Jobs that run into their time limit while other scenes are played."""
    return once(slurm_home, "limits-begun", lambda: limits.begin(rough_slurm))
