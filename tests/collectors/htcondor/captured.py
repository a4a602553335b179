"""The captured event logs of a real pool, by case and release."""

from __future__ import annotations

from pathlib import Path

from collectors.condor import SubmissionLog
from collectors.condor_jobs import Course

DATA = Path(__file__).parent / "data"
RELEASES = sorted(path.name for path in DATA.iterdir() if path.is_dir())
RUN = "6f1d2a44-8c1e-4b5e-9d53-0a7be1d2c3f4"
SEPARATOR = b"\n...\n"


def log_file(release: str, case: str) -> Path:
    return DATA / release / f"{case}.log"


def read(path: Path | str) -> SubmissionLog:
    log = SubmissionLog(str(path))
    log.read(RUN)
    return log


def courses(log: SubmissionLog) -> dict[str, Course]:
    return {name: job.course() for name, job in sorted(log.jobs.items())}


def whole_log(release: str, without: str = "log-xml format-") -> bytes:
    """All captured logs of one pool as one, as if they were of one submission."""
    parts = [
        path.read_bytes()
        for path in sorted((DATA / release).glob("*.log"))
        if not path.stem.startswith(tuple(without.split())) and "memory-cgroup" not in path.stem
        and path.stem not in ("preempted", "preempting")
    ]  # fmt: skip
    return b"".join(parts)
