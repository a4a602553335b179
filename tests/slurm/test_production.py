"""A production on a real SLURM: submit typed again and again, files lost at the destination."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.clusters.production import play, spec

if TYPE_CHECKING:
    from tests.slurm.study import Study

pytestmark = pytest.mark.slurm


def test_exactly_what_is_lost_is_redone(study: Study) -> None:
    words = ("render", "-", "--scheduler", "slurm", "--run-id", "r")
    study(*words, stdin=json.dumps(spec(study.path)))
    play(study)
