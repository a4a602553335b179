"""A directory of the ordinary user, who types farmhand and condor_submit in it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.clusters import farmer
from tests.clusters.condor import Condor
from tests.clusters.daemons import poll

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Done = subprocess.CompletedProcess[str]
QUEUE = re.compile(r"^queue .*$", re.MULTILINE)


@dataclass(frozen=True)
class Study:
    """What a user types, and what HTCondor has of it."""

    condor: Condor
    path: Path

    @property
    def run(self) -> Path:
        return self.path / "runs/r"

    def __call__(
        self,
        *words: str,
        code: int = 0,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> Done:
        """Type a command of farmhand."""
        typed = ["farmhand", *words]
        done = self.condor.run_as_user(typed, cwd=self.path, check=False, env=env, stdin=stdin)
        assert "Traceback" not in done.stderr
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Type a command and do not wait for it; the process is the command itself."""
        return subprocess.Popen(
            [*farmer.prefix(), *words],
            cwd=self.path,
            env={**self.condor.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def waits_for(self, name: str) -> None:
        """Wait for a file in the study's directory."""
        poll((self.path / name).exists, f"{name} to be there", 30.0)

    def journal(self) -> list[dict[str, Any]]:
        """The lines of the journal of submitting."""
        text = (self.run / "submissions/journal.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line]

    def type(self, *words: str) -> Done:
        """Type any other command."""
        return self.condor.run_as_user(words, cwd=self.path)

    def render(self, *words: str, run: str = "r", **spec: Any) -> Done:
        """Render a run."""
        typed = ("render", "-", "--scheduler", "htcondor", "--run-id", run, *words)
        return self(*typed, stdin=json.dumps(spec))

    def piece(
        self,
        file: str,
        shards: Iterable[int],
        *,
        drop: tuple[str, ...] = (),
        lines: str = "",
    ) -> dict[int, str]:
        """Submit some shards of a submit file, with some of its lines left out and others added.

        Returns their native ids.
        """
        text = (self.run / file).read_text(encoding="utf-8")
        for name in drop:
            text, count = re.subn(rf"^{re.escape(name)} = .*\n", "", text, flags=re.MULTILINE)
            assert count == 1, name
        items = QUEUE.findall(text)[-1].rpartition(" from ")[2]
        with open(items, encoding="ascii") as stream:
            rows = {int(line.split()[0]): line for line in stream}
        wanted = list(shards)
        inline = "".join(rows[shard] for shard in wanted)
        head = QUEUE.findall(text)[-1].rpartition(" from ")[0]
        text = QUEUE.sub("", text) + f"{lines}\n{head} from (\n{inline})\n"
        cluster = self.condor.submit_text(text, self.path)
        return {shard: f"{cluster}.{proc}" for proc, shard in enumerate(wanted)}

    def manifest(self, run: str = "r") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (self.path / "runs" / run / "manifest.json").read_bytes()
        )
        return found

    def results(self, run: str = "r") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.manifest(run)["results"]
        return found

    def check(self, run: str = "r", code: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("check", f"runs/{run}", "--json", code=code).stdout)
        return found

    def begun(self, *paths: str, run: str = "r") -> None:
        """Wait for files that commands make when they begin: patterns below the run."""

        def there() -> bool:
            return all(list((self.path / "runs" / run).glob(path)) for path in paths)

        poll(there, f"{', '.join(paths)} to be there", 60.0)

    def remove_jobs(self) -> None:
        """Take every job of this study out of the queue."""
        place = f"{self.path}/"
        mine = f'substr(Iwd, 0, {len(place)}) == "{place}"'
        self.condor.admin("condor_rm", "-constraint", mine, check=False)
