"""A stand-in for LSF: its commands over a directory, one background process for each submission.

It is no LSF. What it does is what the manuals say and captured reports of an LSF-compatible
scheduler show. Its commands lie in ``bin/`` and find the directory by FARMHAND_LSF_SPOOL:

    settings.json          how this LSF behaves; see Settings
    jobs/<id>.json         a submission as it was taken
    state/<id>.<i>.json    where an element stands (i is 0 for a job that is no array)
    kill/<id>.<i>.<time>   a signal that bkill asked for
    slots/<n>              locked while something runs in it
    lsbatch/               spooled scripts and output that is not delivered yet
    mail/                  reports that no file took
    runners/<id>           the process behind a submission
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "FARMHAND_LSF_SPOOL"
OPEN = ("PEND", "PSUSP", "RUN", "USUSP", "SSUSP", "UNKWN", "ZOMBI")


@dataclass(frozen=True)
class Settings:
    """How this LSF behaves."""

    layout: str = "ibm10"
    """Of reports: ibm10, lsf9 or compatible (which has no TERM_ line)."""
    slots: int = 2
    minute_s: float = 60.0
    """How long a minute of -W and -wt lasts."""
    kill_interval_s: float = 10.0
    """Between INT, TERM and KILL of bkill."""
    queues: dict[str, int | None] = field(
        default_factory=lambda: {"normal": None, "8nm": 8, "1nh": 60, "8nh": 480}
    )
    """Run limit in minutes by name; the first is the default."""
    largest_array: int = 1000
    plain_on_bad_array: bool = False
    """Take an array that cannot be as one plain job, as a compatible scheduler was seen to do."""
    refuse: str = ""
    """A regular expression: jobs with such a name are not taken."""
    enforce_memory: bool = False
    """Kill what takes more than -M (in ``unit``), as LSB_MEMLIMIT_ENFORCE=y."""
    unit: str = ""
    """LSF_UNIT_FOR_LIMITS; the lsf.conf in the spool says so."""
    by_slot: bool = False
    """RESOURCE_RESERVE_PER_TASK=Y."""
    direct: bool = False
    """LSB_STDOUT_DIRECT=y: output is there while the job runs, the report behind it."""
    clean_period_s: float = 3600.0
    please_wait: bool = False
    """Whether commands say first that LSF does not answer yet."""
    cluster: str = "farm"
    host: str = "lsfhost"


@dataclass
class Job:
    """A submission."""

    id: int
    name: str
    """All of -J: ``name[1-10]%3``."""
    indices: list[int]
    """Of its elements; [0] for a job that is no array."""
    limit: int
    options: dict[str, str]
    script: str
    """What the report repeats."""
    shell: str
    """The spooled copy."""
    queue: str
    user: str
    cwd: str
    env: dict[str, str]
    submitted: float

    @property
    def is_array(self) -> bool:
        return self.indices != [0]

    @property
    def plain_name(self) -> str:
        return self.name.partition("[")[0]

    def native(self, index: int) -> str:
        return f"{self.id}[{index}]" if self.is_array else str(self.id)


@dataclass
class State:
    """Where an element stands."""

    stat: str = "PEND"
    pid: int | None = None
    started: float | None = None
    ended: float | None = None
    code: int | None = None
    reason: str = ""
    cpu_s: float = 0.0
    memory: int = 0
    """The most that was seen, in bytes."""


class Spool:
    """The directory of a stand-in."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def named(cls) -> Spool:
        return cls(os.environ[VARIABLE])

    def make(self) -> None:
        for name in ("jobs", "state", "kill", "slots", "lsbatch", "mail", "runners"):
            os.makedirs(os.path.join(self.path, name), exist_ok=True)

    def join(self, *names: str) -> str:
        return os.path.join(self.path, *names)

    def settings(self) -> Settings:
        try:
            with open(self.join("settings.json"), encoding="utf-8") as stream:
                return Settings(**json.load(stream))
        except FileNotFoundError:
            return Settings()

    def configure(self, settings: Settings) -> None:
        with open(self.join("lsf.conf"), "w", encoding="ascii") as stream:
            stream.write(f"LSF_UNIT_FOR_LIMITS={settings.unit}\n" if settings.unit else "")
        self._write(self.join("settings.json"), asdict(settings))

    def next_id(self) -> int:
        with open(self.join("last"), "a+", encoding="ascii") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            number = int(stream.read() or "0") + 1
            stream.seek(0)
            stream.truncate()
            stream.write(str(number))
            return number

    def add(self, job: Job) -> None:
        self._write(self.join("jobs", f"{job.id}.json"), asdict(job))
        for index in job.indices:
            self.put(job.id, index, State("PSUSP" if "H" in job.options else "PEND"))

    def job(self, number: int) -> Job | None:
        try:
            with open(self.join("jobs", f"{number}.json"), encoding="utf-8") as stream:
                return Job(**json.load(stream))
        except FileNotFoundError:
            return None

    def jobs(self) -> Iterator[Job]:
        names = [name for name in os.listdir(self.join("jobs")) if name.endswith(".json")]
        for number in sorted(int(name.partition(".")[0]) for name in names):
            job = self.job(number)
            if job is not None:
                yield job

    def put(self, number: int, index: int, state: State) -> None:
        self._write(self.join("state", f"{number}.{index}.json"), asdict(state))

    def state(self, number: int, index: int) -> State:
        with open(self.join("state", f"{number}.{index}.json"), encoding="utf-8") as stream:
            return State(**json.load(stream))

    def ask_to_kill(self, number: int, index: int, signal: str) -> None:
        name = f"{number}.{index}.{time.monotonic_ns()}"
        self._write(self.join("kill", name), signal)

    def asked_to_kill(self, number: int, index: int) -> list[str]:
        prefix, found = f"{number}.{index}.", []
        for name in sorted(os.listdir(self.join("kill"))):
            if name.startswith(prefix) and name.removeprefix(prefix).isdigit():
                with open(self.join("kill", name), encoding="utf-8") as stream:
                    found.append(json.load(stream))
                os.unlink(self.join("kill", name))
        return found

    def take_slot(self, slots: int) -> int | None:
        """Return an open file that holds a slot until it is closed, or None."""
        for number in range(slots):
            handle = os.open(self.join("slots", str(number)), os.O_RDWR | os.O_CREAT, 0o644)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return handle
            os.close(handle)
        return None

    @staticmethod
    def _write(path: str, tree: Any) -> None:
        temporary = f"{path}.{os.getpid()}.{time.monotonic_ns()}.new"
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(tree, stream)
        os.rename(temporary, path)


def grumble(settings: Settings) -> None:
    """Say what LSF's commands say while its servers start."""
    if settings.please_wait:
        print("Cannot connect to LSF. Please wait ...", flush=True)
