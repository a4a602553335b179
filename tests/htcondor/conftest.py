"""Studies of the ordinary user on a real HTCondor pool."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clusters.condor import Condor
from tests.htcondor.study import Study


@pytest.fixture
def study(condor: Condor) -> Iterator[Study]:
    """A directory of the user on the shared pool; its jobs are removed in the end."""
    made = Study(condor, condor.workspace())
    yield made
    made.remove_jobs()
