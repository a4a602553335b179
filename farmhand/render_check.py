"""``render --check``: what can be known before anything is submitted."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile

from farmhand.doctor_lsf import would_take
from farmhand.new_run import make_run
from farmhand.submissions import Way
from farmhand.talk import give
from manifest.errors import Refusal
from manifest.units import format_bytes
from renderer.plan import Plan
from runners import condor_submit, sbatch

_ASKS = {
    "slurm": ("sbatch", sbatch.would_take),
    "htcondor": ("condor_submit", condor_submit.would_take),
}
_LOW = 1 << 30
_FEW_FILES = 10_000


def check_site(plan: Plan, out_dir: str, way: Way) -> None:
    """Say of each thing whether it is fine; the scheduler is asked whether it would take the jobs.

    Raises:
        Refusal: at least one is not.
    """
    findings = [_command(plan), _inputs(plan), *_directory(out_dir)]
    if way.scheduler in _ASKS:
        findings += _scheduler(plan, way)
    elif way.scheduler == "lsf":
        with tempfile.TemporaryDirectory(prefix="farmhand-check-") as folder:
            make_run(plan, way, folder, "check")  # what cannot be rendered is said now
        findings += would_take(plan.spec)
    for good, text in findings:
        give(f"{'ok ' if good else 'BAD'}  {text}")
    bad = sum(not good for good, _ in findings)
    if bad:
        raise Refusal(f"{bad} of {len(findings)} checks failed", hint="see the lines marked BAD")


def _command(plan: Plan) -> tuple[bool, str]:
    spec = plan.spec
    if spec.script is not None:
        return True, "command: the spec's own script"
    word = spec.command[0]
    if "{{" in word:
        return True, f"command: {word} is known only when a job runs"
    base = os.path.join(plan.base, spec.workdir) if spec.workdir else os.getcwd()
    found = shutil.which(os.path.join(base, word) if "/" in word else word)
    if found:
        return True, f"command: {word} is {found}"
    if spec.prologue:
        return True, f"command: {word} is not on PATH here; the prologue may bring it"
    return False, f"command: {word} is not an executable on PATH here"


def _inputs(plan: Plan) -> tuple[bool, str]:
    files = plan.inputs.files
    size = format_bytes(sum(item.size for item in files))
    return True, f"inputs: {len(files)} file{'s' * (len(files) != 1)}, {size}, all readable"


def _directory(out_dir: str) -> list[tuple[bool, str]]:
    path = os.path.abspath(out_dir)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    writable = os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)
    free = shutil.disk_usage(path).free
    status = os.statvfs(path)
    text = f"space: {format_bytes(free)} and {status.f_favail:,} files free at {path}"
    low = free < _LOW or (status.f_files and status.f_favail < _FEW_FILES)
    return [
        (writable, f"writable: {path}" if writable else f"not writable: {path}"),
        (not low, text),
    ]


def _scheduler(plan: Plan, way: Way) -> list[tuple[bool, str]]:
    """Have the scheduler look at the first file of each submission, rendered and thrown away.

    The answer is about the directives; that the files' own directory is gone later is no matter.
    """
    command, would_take = _ASKS[way.scheduler]
    with tempfile.TemporaryDirectory(prefix="farmhand-check-") as folder:
        _, written = make_run(plan, way, folder, "check")
        findings = []
        for item in written:
            answer = would_take(shlex.split(item.commands[0])[-1])
            said = answer.text or answer.problem
            findings.append((answer.text is not None, f"{command}: {said}"))
        return findings
