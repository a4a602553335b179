"""Refusals when a run is no longer what was rendered."""

from __future__ import annotations

import os

from collectors.run_facts import changed_plan_files
from farmhand.input_changes import changed_inputs
from farmhand.software_changes import software_changes
from farmhand.talk import some, warn
from manifest.errors import Refusal


def refuse_changes(run: str) -> None:
    """Refuse to start shards that would not do, or not read, what was planned.

    Software that changed is only said: what is packed stays, and attempts note what they run.

    Raises:
        Refusal: names the files of the plan, or the inputs.
    """
    refuse_changed_plan(run)
    inputs = [item["shown"] for item in changed_inputs(run)]
    if inputs:
        raise Refusal(
            f"inputs were changed after the render: {some(inputs)}",
            where=run,
            hint="put them back as they were, or render a new run",
        )
    for text in software_changes(run):
        warn(text)


def refuse_changed_plan(run: str) -> None:
    """Refuse to go on with a plan that somebody edited.

    Raises:
        Refusal: names the files.
    """
    plan = changed_plan_files(run)
    if plan:
        raise Refusal(
            f"the plan was edited after it was rendered: {some(plan)}",
            where=os.path.join(run, "plan"),
            hint="restore plan/ (SHA256SUMS says what it was), or render a new run",
        )
