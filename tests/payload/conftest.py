"""Lay out a run directory by hand and call its payload, as a wrapper would."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jinja2
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TEMPLATES = Path(__file__).parents[2] / "templates"
PLAN = "a" * 64
RUN_UUID = "0b5e6c1e-0000-4000-8000-000000000001"


T = TypeVar("T")

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    undefined=jinja2.StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(**changes: Any) -> str:
    """Render the payload with a small context; ``argv`` and the like are shell words."""
    context: dict[str, Any] = {
        "run_id": "'toys-1'",
        "run_uuid": RUN_UUID,
        "total": 3,
        "nested": False,
        "threads": 1,
        "cpus": 1,
        "argv": ["true"],
        "env": [],
        "prologue": "",
        "workdir": "",
        "inputs": [],
        "files": False,
        "items": False,
        "ledger": False,
        "staging": "",
        "staged_inputs": False,
        "stored": False,
        "outputs": [],
        "stop_signal": "TERM",
        "kill_after": 1,
        "bundle": "",
        "provenance": "",
    }
    unknown = changes.keys() - context.keys()
    assert not unknown, f"not in the context: {unknown}"
    return _ENVIRONMENT.get_template("shard.sh.j2").render(context | changes)


def word(text: str | bytes) -> str:
    """One ASCII shell word for any bytes but NUL."""
    raw = os.fsencode(text) if isinstance(text, str) else text
    if all(32 <= byte < 127 for byte in raw):
        return shlex.quote(raw.decode())
    return (
        "$'"
        + "".join(f"\\{b:03o}" if b < 32 or b > 126 or b in b"\\'" else chr(b) for b in raw)
        + "'"
    )


def sh(script: str, *words: str) -> list[str]:
    """The argv of ``sh -c SCRIPT sh WORDS``; words are shell words."""
    return ["sh", "-c", word(script), "sh", *words]


@dataclass
class Run:
    """A run directory and the ways to call its payload."""

    path: Path
    total: int = 3
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def script(self) -> Path:
        return self.path / "plan" / "shard.sh"

    def write(self, rows: Sequence[str] = (), **changes: Any) -> None:
        """Write plan and directories; ``rows`` are the varying words of each shard."""
        args = self.path / "plan" / "args"
        args.mkdir(parents=True, exist_ok=True)
        self.script.write_text(render(**({"total": self.total} | changes)))
        (self.path / "plan" / "id").write_text(PLAN + "\n")
        for block in range((self.total + 999) // 1000):
            lines = [
                f"s{i} {10 * i} 10 {42 + 10 * i} {rows[i] if i < len(rows) else ''}\n"
                for i in range(1000 * block, min(self.total, 1000 * block + 1000))
            ]
            (args / str(block)).write_text("".join(lines), encoding="ascii")
            (self.path / "records" / str(block)).mkdir(parents=True, exist_ok=True)
            if changes.get("nested"):
                (self.path / "shards" / str(block)).mkdir(parents=True, exist_ok=True)
        (self.path / "shards").mkdir(exist_ok=True)

    def call(
        self,
        *shards: int | str,
        plan: str = PLAN,
        scheduler: str = "local",
        native: str = "-",
        restarts: int = 0,
        walltime: int | str = 0,
    ) -> list[str]:
        return [
            *("bash", str(self.script), plan, "1", scheduler, native),
            *(str(restarts), str(walltime), *map(str, shards or (0,))),
        ]

    def __call__(
        self,
        *shards: int | str,
        env: dict[str, str] | None = None,
        stdin: str = "",
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run the payload to its end; stderr is kept as text."""
        return subprocess.run(
            self.call(*shards, **options),
            env=os.environ | (env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def start(self, *shards: int | str, **options: Any) -> subprocess.Popen[str]:
        """Start the payload in a session of its own; it is ended with the test."""
        with (self.path / "log").open("a") as log:
            process = subprocess.Popen(
                self.call(*shards, **options),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def records(self, shard: int = 0) -> list[list[dict[str, Any]]]:
        """All records of a shard, oldest first; every line must be valid JSON."""
        folder = self.path / "records" / str(shard // 1000)
        texts = [path.read_text(encoding="ascii") for path in folder.glob(f"{shard}.*.jsonl")]
        records = [[json.loads(line) for line in text.splitlines()] for text in texts]
        return sorted(records, key=lambda lines: lines[0]["time"])

    def record(self, shard: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start and end of the only attempt of a shard."""
        [[start, end]] = self.records(shard)
        assert (start["event"], end["event"]) == ("start", "end")
        return start, end

    def end(self, shard: int = 0) -> dict[str, Any]:
        return self.record(shard)[1]

    def attempt(self, shard: int = 0) -> Path:
        [name] = [str(lines[0]["dir"]) for lines in self.records(shard)]
        return self.path / name

    def attempt_dir(self) -> Path:
        """The only attempt directory of shard 0, its record finished or not."""
        [path] = (self.path / "shards" / "s0").iterdir()
        return path

    def output(self, shard: int = 0, name: str = "stdout") -> str:
        return (self.attempt(shard) / name).read_text()

    def wait_for(self, name: str, shard: int = 0) -> str:
        """Wait until the command wrote a line into a file of its attempt; the text."""
        return until(lambda: self._text(shard, name))

    def _text(self, shard: int, name: str) -> str:
        for path in (self.path / "shards").glob(f"s{shard}/*/{name}"):
            if (text := path.read_text()).endswith("\n"):
                return text
        return ""


def until(probe: Callable[[], T], seconds: float = 15) -> T:
    """Poll until the probe says something true."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return answer


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "run dir 'é")
    yield made
    for process in made.processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
