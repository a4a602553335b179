"""Run the pool on a stand-in run as the `run` verb would: lock, adopt, run the rest.

    python pool_driver.py RUN SHARDS SLOTS GRACE_S

Writes RUN/result.json at the end; a refusal goes to stderr with its exit code.
"""

import glob
import json
import os
import sys
from dataclasses import asdict

import orjson

from manifest.errors import UserError
from runners.ending import end_orphans
from runners.job import Adopted, Ended, Job, Seen
from runners.pool import run_pool
from runners.pool_lock import PoolLock
from runners.processes import live_payloads
from runners.room import Room

WORDS = ("p", "1", "local", "-", "0", "0")


class Silent:
    def started(self, job: Job, pid: int) -> None: ...

    def ended(self, ended: Ended) -> None: ...

    def tick(self, seen: Seen) -> None: ...

    def told(self, text: str) -> None: ...


def succeeded(run_dir: str) -> set[int]:
    found = set()
    for path in glob.glob(f"{run_dir}/records/0/*.jsonl"):
        with open(path, "rb") as file:
            lines = [orjson.loads(line) for line in file]
        if len(lines) > 1 and lines[1]["exit_code"] == 0:
            found.add(lines[0]["shard"])
    return found


def main() -> int:
    run_dir, shards, slots, grace_s = sys.argv[1:]
    try:
        with PoolLock(run_dir):
            end_orphans(run_dir, float(grace_s))
            adopted = [
                Adopted(shard, payload.pid, payload.pid_start)
                for payload in live_payloads(run_dir)
                for shard in payload.shards
            ]
            left = sorted(set(range(int(shards))) - succeeded(run_dir) - {a.shard for a in adopted})
            jobs = (Job(s, ("bash", f"{run_dir}/plan/shard.sh", *WORDS, str(s))) for s in left)
            result = run_pool(
                jobs,
                len(left),
                Room(jobs=int(slots)),
                run_dir=run_dir,
                log_path=f"{run_dir}/pool.log",
                journal_path=f"{run_dir}/pool.jsonl",
                listener=Silent(),
                check_space=lambda: None,
                adopted=adopted,
                stop_grace_s=float(grace_s),
            )
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a script of the tests)
        return error.exit_code
    with open(f"{run_dir}/result.part", "w", encoding="utf-8") as file:
        json.dump({**asdict(result), "adopted": len(adopted)}, file)
    os.rename(f"{run_dir}/result.part", f"{run_dir}/result.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
