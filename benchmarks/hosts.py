"""Rows for hosts over SSH, all of them sshd on this machine, beside bare ssh and scp."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost, cost_of, side_by_side
from benchmarks.table import Row
from tests.clusters.sshd import Farm, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOSTS = 50


def host_rows(folder: str, *, quick: bool, times: int) -> Iterator[Row]:
    """Measure a preflight, copying both ways, and what a small shard costs."""
    if not installed():
        return
    farm = Farm(Path(folder, "farm"))
    farm.up()
    before = os.environ.get("FARMHAND_SITE")
    os.environ["FARMHAND_SITE"] = str(farm.site())
    try:
        farm.add("node")
        yield _preflight(farm, times)
        yield from _copies(farm, (1 << 26) if quick else (1 << 30), times)
        yield _small(farm, 20 if quick else 100, times)
    finally:
        farm.down()
        os.environ.pop("FARMHAND_SITE")
        os.environ.update({} if before is None else {"FARMHAND_SITE": before})


def _ssh(farm: Farm, *words: str) -> list[str]:
    host = farm.hosts["node"]
    return ["ssh", "-F", str(farm.config), "-p", str(host.port), "node", *words]


def _preflight(farm: Farm, times: int) -> Row:
    port = farm.hosts["node"].port
    lines = [f"node{number} port={port}\n" for number in range(_HOSTS)]
    file = farm.path / "many.txt"
    file.write_text("".join(lines), encoding="ascii")
    bare = " ".join(_ssh(farm, "true"))
    loop = f"for i in $(seq {_HOSTS}); do {bare} || exit; done"
    ours, theirs = side_by_side(
        times,
        lambda: cost_of(["farmhand", "doctor", "--hosts", str(file), "--timeout", "120"]),
        lambda: cost_of(["bash", "-c", loop]),
    )
    return Row("doctor --hosts", _HOSTS, ours, "ssh host true, one after the other", theirs)


def _copies(farm: Farm, size: int, times: int) -> Iterator[Row]:
    big = farm.path / "big"
    with big.open("wb") as stream:
        for _ in range(size >> 20):
            stream.write(os.urandom(1 << 20))
    port = str(farm.hosts["node"].port)
    scp = ["scp", "-q", "-F", str(farm.config), "-P", port]
    shown = f"{size >> 20} MB"
    spec = {"inputs": {"big": "big"}, "command": ["true", "{{ inputs.big }}"]}
    push, bare = side_by_side(
        times,
        lambda: _run(farm, spec),
        lambda: cost_of([*scp, str(big), f"node:{farm.path}/copy"]),
    )
    yield Row(f"run of a shard, {shown} pushed", 1, push, "scp", bare)
    spec = {"command": ["ln", str(big), "out"], "outputs": {"out": "out"}}
    pull, bare = side_by_side(
        times,
        lambda: _run(farm, spec),
        lambda: cost_of([*scp, f"node:{big}", str(farm.path / "copy")]),
    )
    yield Row(f"run of a shard, {shown} pulled", 1, pull, "scp", bare)
    big.unlink()
    (farm.path / "copy").unlink()


def _small(farm: Farm, shards: int, times: int) -> Row:
    spec = {"command": ["true"], "shards": shards, "ssh": {"shared": "no", "split": "shards"}}
    ours, theirs = side_by_side(
        times, lambda: _run(farm, spec), lambda: cost_of(_ssh(farm, "true"))
    )
    share = Cost(ours.wall / shards, ours.peak)
    return Row("run, a shard of true, 1 at a time", shards, share, "ssh host true", theirs)


def _run(farm: Farm, changes: dict[str, Any]) -> Cost:
    """Return the cost of a run on the host; it is rendered and taken away outside of that."""
    spec = {"name": "b", "work": {"count": changes.get("shards", 1)}, "ssh": {"shared": "no"}}
    (farm.path / "spec.json").write_text(json.dumps(spec | changes), encoding="utf-8")
    hosts = str(farm.hosts_file())
    words = ["--scheduler", "ssh", "--hosts", hosts, "--run-id", "b", "--out-dir", str(farm.path)]
    subprocess.run(
        ["farmhand", "render", str(farm.path / "spec.json"), *words],
        check=True,
        capture_output=True,
    )
    run = farm.path / "b"
    cost = cost_of(["farmhand", "run", str(run)])
    shutil.rmtree(run)
    shutil.rmtree(farm.hosts["node"].home / ".farmhand")
    return cost
