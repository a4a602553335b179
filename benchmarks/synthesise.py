"""Writes what the payload would have left behind had every shard of a run succeeded.

    python -m benchmarks.synthesise RUN [--outputs] [--some-failed] [--stored]

The records are those of docs/records.md, byte for byte in the payload's own spelling. With
``--outputs`` each attempt also gets its directory with stdout, stderr and a small ``rows.csv``;
with ``--some-failed`` one in twenty ended with exit code 3; with ``--stored`` each one's output
lies at its destination, a plain path. For benchmarks only: executing 100,000
shards takes minutes, and nothing that reads them could tell.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

EPOCH = 1_760_000_000
START = (
    '{{"v":1,"event":"start","run":"{run}","plan":"{plan}","submission":1,"shard":{shard},'
    '"name":"{name}","attempt":"{attempt}","native_id":"{pid}","scheduler":"local","restarts":0,'
    '"host":"node1","pid":{pid},"pid_start":{pid_start},"boot":"{boot}","time":{time}.125000,'
    '"dir":"{dir}"}}\n'
)
END = (
    '{{"event":"end","time":{time}.625000,"exit_code":{code},"cause":null,"stopped_by":null,"warned":null,'
    '"wall_s":0.500000,"cpu_s":0.41,"peak":null,"note":null{stored}}}\n'
)
STORED = ',"stored":[{{"name":"out","url":"{url}","bytes":{size},"sha256":"{sha256}"}}]'
DATA = "what was stored\n"
BOOT = "5f4c5b0e-0d3c-4a3e-9c6c-2d6d3a1d9a10"


def synthesise(run: str, *, outputs: bool, some_failed: bool = False, stored: bool = False) -> int:
    """Write one record, and with ``outputs`` one attempt directory, a shard; return how many."""
    with open(os.path.join(run, "manifest.json"), "rb") as file:
        manifest: dict[str, Any] = json.load(file)
    nested = manifest["shards"] > 1000
    urls = _urls(run) if stored else []
    for plan in manifest["plans"]:
        shard, name = plan["shard_index"], plan["name"]
        block, pid, time = shard // 1000, 10_000 + shard, EPOCH + shard // 2
        attempt = f"{pid}.{time}.{shard:012x}"
        folder = f"shards/{block}/{name}/{attempt}" if nested else f"shards/{name}/{attempt}"
        start = START.format(
            run=manifest["run_uuid"],
            plan=manifest["plan_id"],
            shard=shard,
            name=name,
            attempt=attempt,
            pid=pid,
            pid_start=1_000_000 + shard,
            boot=BOOT,
            time=time,
            dir=folder,
        )
        end = END.format(
            time=time,
            code=3 if some_failed and shard % 20 == 7 else 0,
            stored=_store(urls[shard]) if stored else "",
        )
        _write(f"{run}/records/{block}/{shard}.{attempt}.jsonl", start + end)
        if outputs:
            attempt_dir = os.path.join(run, folder)
            os.makedirs(attempt_dir)
            _write(f"{attempt_dir}/stdout", f"shard {shard} of {manifest['shards']}\n")
            _write(f"{attempt_dir}/stderr", "")
            rows = (f"{shard},{draw},{shard * 10 + draw / 7:.12f}\n" for draw in range(10))
            _write(f"{attempt_dir}/rows.csv", "shard,draw,value\n" + "".join(rows))
    return len(manifest["plans"])


def _urls(run: str) -> list[str]:
    found = []
    folder = os.path.join(run, "plan", "stores")
    for block in sorted(os.listdir(folder), key=int):
        with open(os.path.join(folder, block), "rb") as file:
            found += [json.loads(line)["out"] for line in file]
    return found


def _store(url: str) -> str:
    os.makedirs(os.path.dirname(url), exist_ok=True)
    _write(url, DATA)
    return STORED.format(url=url, size=len(DATA), sha256="0" * 64)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with open(descriptor, "wb", buffering=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    synthesise(
        sys.argv[1],
        outputs="--outputs" in sys.argv[2:],
        some_failed="--some-failed" in sys.argv[2:],
        stored="--stored" in sys.argv[2:],
    )
