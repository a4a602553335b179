"""A production on a real pool: submit typed again and again, files lost at the destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clusters.production import play, spec

if TYPE_CHECKING:
    from tests.htcondor.study import Study

pytestmark = pytest.mark.htcondor


@pytest.mark.parametrize("mode", ["shared", "transfer"])
def test_exactly_what_is_lost_is_redone(study: Study, mode: str) -> None:
    study.render("--mode", mode, **spec(study.path))
    play(study)
