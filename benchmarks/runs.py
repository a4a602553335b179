"""Renders the runs that are measured, and puts one back to how it was before a verb wrote to it."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
from typing import Any

from benchmarks.measure import ROOT, Cost, cost_of


def write_spec(folder: str, shards: int, *, outputs: bool) -> str:
    """Write a spec with ``shards`` shards of one unit each and return its path.

    Each shard has two words of its own. With ``outputs`` it declares a small table and its merge.
    """
    spec: dict[str, Any] = {
        "name": "bench",
        "work": {"count": shards, "seed": 1},
        "shards": shards,
        "command": ["true", "{{ shard.index }}/{{ shard.total }}", "{{ shard.seed }}"],
    }
    if outputs:
        check = {"min_size": "10 B", "csv": {"header": ["shard", "draw", "value"], "rows": "10"}}
        spec["outputs"] = {"rows": {"path": "rows.csv", "check": check}}
        spec["merge"] = {"kind": "csv", "key": ["shard", "draw"]}
    path = os.path.join(folder, f"{'outputs' if outputs else 'plain'}-{shards}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    return path


def synthesised_stored(folder: str, shards: int, run_id: str) -> tuple[str, str]:
    """Render a run whose shards have stored one file each; return it and their directory."""
    kept = os.path.join(folder, "kept")
    destination = f"{kept}/{{{{ shard.name }}}}.out"
    spec = {
        "name": "bench",
        "work": {"count": shards},
        "shards": shards,
        "command": ["true"],
        "outputs": {"out": {"path": "out", "destination": destination}},
    }
    path = os.path.join(folder, f"stored-{shards}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    render(path, folder, run_id)
    run = os.path.join(folder, run_id)
    _synthesise(run, "--stored")
    return run, kept


def write_chunks_spec(folder: str, chunks: int) -> str:
    """Write a spec with ten components of URLs, in ``chunks`` chunks in all; return its path."""
    components = {}
    for number in range(10):
        listed = os.path.join(folder, f"sample{number}-{chunks}.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.writelines(
                f"root://host//store/sample{number}/{index}.root\n" for index in range(chunks // 10)
            )
        components[f"sample{number}"] = {"files": f"@{listed}", "one_per_file": True}
    spec = {"name": "bench", "components": components, "command": ["true", "{{ chunk.files }}"]}
    path = os.path.join(folder, f"chunks-{chunks}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    return path


def render(spec: str, folder: str, run_id: str, scheduler: str = "local") -> Cost:
    """Render a run into ``folder``/``run_id``."""
    words = ["--scheduler", scheduler, "--out-dir", folder, "--run-id", run_id]
    return cost_of(["farmhand", "render", spec, *words])


def rendered(folder: str, shards: int, run_id: str, *, outputs: bool = False) -> str:
    """Render a run and return its directory."""
    render(write_spec(folder, shards, outputs=outputs), folder, run_id)
    return os.path.join(folder, run_id)


def synthesised(folder: str, shards: int, run_id: str, *, outputs: bool) -> str:
    """Render a run, write what its jobs would have left behind, and return its directory."""
    run = rendered(folder, shards, run_id, outputs=outputs)
    _synthesise(run, *(["--outputs"] if outputs else []))
    return run


def synthesised_tables(folder: str, shards: int, rows: int, run_id: str) -> str:
    """Render and collect a run whose shards have written a table each; the key is ``draw``."""
    with open(write_spec(folder, shards, outputs=True), encoding="utf-8") as file:
        spec = json.load(file)
    spec["outputs"]["rows"] = "rows.csv"
    spec["merge"]["key"] = ["draw"]
    path = os.path.join(folder, f"tables-{shards}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    render(path, folder, run_id)
    run = os.path.join(folder, run_id)
    _synthesise(run, "--outputs")
    tables = glob.glob(os.path.join(run, "shards", "**", "rows.csv"), recursive=True)
    for number, table in enumerate(tables):
        first = number * rows
        with open(table, "w", encoding="utf-8") as file:
            file.write("shard,draw,value\n")
            file.writelines(
                f"{number},{draw},{draw / 7:.12f}\n" for draw in range(first, first + rows)
            )
    cost_of(["farmhand", "collect", "--in-place", run])
    return run


def synthesised_chunks(folder: str, chunks: int, run_id: str) -> str:
    """Do the same for a run of chunks in ten components; one in twenty has failed."""
    render(write_chunks_spec(folder, chunks), folder, run_id, "nohup")
    run = os.path.join(folder, run_id)
    _synthesise(run, "--some-failed")
    return run


def _synthesise(run: str, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "benchmarks.synthesise", run, *words], cwd=ROOT, check=True
    )


class Pristine:
    """Remembers a run as rendered, so that a first ``collect`` can be measured more than once."""

    def __init__(self, run: str) -> None:
        """Copy the manifest aside and note what else lies in the run directory."""
        self.run = run
        self.manifest = os.path.join(run, "manifest.json")
        self.aside = f"{run}.manifest.json"
        shutil.copyfile(self.manifest, self.aside)
        self.names = set(os.listdir(run))

    def restore(self) -> None:
        """Put the manifest back and remove what has come to lie beside it since."""
        for name in set(os.listdir(self.run)) - self.names:
            os.remove(os.path.join(self.run, name))
        shutil.copyfile(self.aside, self.manifest)
