"""Runs whose files come from, and go to, stores that a test can break."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Depot:
    """A store below a directory, with the scheme ``depot``; what goes wrong is a shell script.

    ``depot://store/x`` is the file ``store/x``; each copy is noted in ``calls``.
    """

    path: Path

    def __post_init__(self) -> None:
        for name in ("store", "node"):
            (self.path / name).mkdir()

    def put(self, name: str, data: bytes) -> str:
        (self.path / "store" / name).write_bytes(data)
        return f"depot://store/{name}"

    def commands(self, **scripts: str) -> dict[str, Any]:
        """Return the table of the scheme; a script sees $1 and $2, and may call ``fine``."""
        usual = {
            "get": 'cp -- "$at" "$2"',
            "put": 'mkdir -p "${at%/*}"; cp -- "$2" "$at"',
            "size": 'stat -c %s "$at"',
            "sum": 'set -- $(md5sum "$at"); echo "md5 $1"',
            "move": 'mv -f -- "$at" "${2#depot://}"',
            "list": 'cd "$at" && find . -type f -printf "%s %P\\n"',
        }
        table = {}
        for name, text in usual.items():
            begin = f'cd {self.path}; at=${{1#depot://}}; echo "{name} $at" >>calls; '
            begin += f"fine() {{ {text}; }}; "
            words = {"get": ["file"], "put": ["file"], "move": ["to"]}.get(name, [])
            places = [f"{{{{ {word} }}}}" for word in ("url", *words)]
            script = scripts.get(name, 'fine "$@"')
            if script:
                table[name] = ["bash", "-c", begin + script, "depot", *places]
            else:
                table[name] = []
        return table

    def calls(self, name: str) -> list[str]:
        path = self.path / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split(" ", 1)[1] for line in lines if line.startswith(f"{name} ")]

    def spec(self, files: list[str], **more: Any) -> dict[str, Any]:
        staging = {"commands": {"depot": self.commands()}, "pause": "1s"} | more.pop("staging", {})
        return {
            "name": "r",
            "components": {"c": {"files": files, "one_per_file": True}},
            "script": 'cat "$@" >out.txt',
            "arguments": ["{{ chunk.files }}"],
            "outputs": {"out": "out.txt"},
            "staging": staging,
        } | more

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["farmhand", *words], cwd=self.path, input=stdin or "", capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def render(self, spec: dict[str, Any], code: int = 0) -> str:
        return self("render", "-", "--run-id", "r", stdin=json.dumps(spec), code=code)

    def run(self, code: int = 0, *words: str) -> str:
        return self("run", "runs/r", *words, code=code)

    def ends(self) -> list[dict[str, Any]]:
        """Return the end records in the order of shards."""
        found = []
        for path in sorted((self.path / "runs/r/records/0").iterdir()):
            found += [json.loads(line) for line in path.read_text().splitlines()[1:]]
        return found

    def left(self, folder: str = "node") -> list[str]:
        """Return the files below a directory, without locks and marks of use."""
        top = self.path / folder
        return sorted(
            str(path.relative_to(top)).split("/", 1)[-1] for path in top.rglob("*")
            if path.is_file() and path.name not in ("lock", "used")
        )  # fmt: skip


@pytest.fixture
def depot(tmp_path: Path) -> Depot:
    return Depot(tmp_path)
