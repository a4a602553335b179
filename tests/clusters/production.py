"""A small production with a destination, brought to its end by typing one command."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

AGAIN = ("submit", "runs/r", "--execute")
_LINE = re.compile(
    r"(\d+) queued, (\d+) running, (\d+) held, (\d+) completed, (\d+) missing, "
    r"(?:(\d+) unknown, )?(\d+) total"
)
_NAMES = ("queued", "running", "held", "completed", "missing", "unknown", "total")


class Types(Protocol):
    """Somebody who types farmhand's commands."""

    @property
    def path(self) -> Path:
        """The directory they are typed in."""

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Type one."""


def spec(path: Path) -> dict[str, Any]:
    return {
        "name": "p", "work": {"count": 5}, "shards": 5,
        "script": "echo unit $FARMHAND_SHARD_INDEX >out.txt",
        "outputs": {"out": {"path": "out.txt", "destination": f"{path}/kept/{{{{ shard.name }}}}"}},
        "staging": {"pause": "1s"},
    }  # fmt: skip


def typed(study: Types) -> dict[str, int]:
    """Type the command once; return what its last line counts."""
    done = study(*AGAIN)
    found = _LINE.fullmatch(done.stdout.splitlines()[-1])
    assert found, done.stdout + done.stderr
    counts = {name: int(text or 0) for name, text in zip(_NAMES, found.groups(), strict=True)}
    assert (counts["missing"] == 0) == ("all set" in done.stderr)
    assert sum(counts.values()) == 2 * counts["total"]
    return counts


def completed(study: Types) -> None:
    """Type it again and again until all is completed."""
    deadline = time.monotonic() + 240
    while typed(study)["completed"] < 5:
        assert time.monotonic() < deadline, study("check", "runs/r", code=1).stdout
        time.sleep(1)


def attempts(study: Types) -> dict[int, int]:
    """Return the number of records by shard."""
    found: dict[int, int] = {}
    for path in study.path.glob("runs/r/records/0/*.jsonl"):
        shard = int(path.name.partition(".")[0])
        found[shard] = found.get(shard, 0) + 1
    return dict(sorted(found.items()))


def play(study: Types) -> None:
    """Submit, complete, lose two files, and redo exactly those."""
    kept = study.path / "kept"
    kept.mkdir()
    kept.chmod(0o777)  # what is sent to workers may run there as anybody
    first = typed(study)
    assert first["queued"] + first["running"] + first["completed"] == 5
    submissions = sorted(study.path.glob("runs/r/submissions/*.json"))
    typed(study)
    assert sorted(study.path.glob("runs/r/submissions/*.json")) == submissions
    completed(study)
    assert sorted(path.name for path in kept.iterdir()) == ["s0", "s1", "s2", "s3", "s4"]
    assert attempts(study) == dict.fromkeys(range(5), 1)
    (kept / "s1").unlink()
    (kept / "s3").write_text("un")
    assert typed(study)["completed"] == 3
    typed(study)  # they wait or run, and are not submitted once more
    completed(study)
    assert attempts(study) == {0: 1, 1: 2, 2: 1, 3: 2, 4: 1}
    assert (kept / "s3").read_text() == "unit 3\n"
