"""What doctor finds out about HTCondor."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

from farmhand.doctor_findings import Finding, bad, fine, note
from runners import condor
from runners.filesystem import Filesystem

_COMMANDS = ("condor_submit", "condor_q", "condor_config_val")
_PATIENCE_S = 20.0


def look_at_htcondor(filesystem: Filesystem | None) -> Iterator[Finding]:
    """Ask HTCondor, if it is here; ``filesystem`` is that of the runs' event logs."""
    missing = [name for name in _COMMANDS if shutil.which(name) is None]
    if len(missing) == len(_COMMANDS):
        yield note("HTCondor", "not on this machine")
        return
    if missing:
        yield bad("HTCondor", f"{', '.join(missing)} not on PATH, others are")
        return
    if importlib.util.find_spec("htcondor2") is None:
        yield bad("event logs", "cannot be read: the Python package htcondor is not installed")
    answer = condor.queue(["doctor"], _PATIENCE_S)
    if answer.text is None:
        yield bad("HTCondor", f"the schedd does not answer: {answer.problem}")
        return
    release = condor.version(_PATIENCE_S) or "of unknown release"
    yield fine("HTCondor", f"{release}, the schedd answers")
    for name in ("MAX_JOBS_PER_SUBMISSION", "MAX_JOBS_PER_OWNER"):
        value = condor.setting(name, _PATIENCE_S)
        if value is not None:
            yield fine("jobs", f"{name} {value}")
    if filesystem is not None and "eos" in f"{filesystem.kind} {filesystem.source}".lower():
        yield bad("event logs", "EOS does not take appended lines well: keep runs elsewhere")
