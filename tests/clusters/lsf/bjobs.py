"""bjobs."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING

from tests.clusters.lsf.spool import OPEN, Job, Spool, State, grumble

if TYPE_CHECKING:
    from collections.abc import Iterator

_VALUED = ("-o", "-J", "-u", "-q", "-P", "-g")
_USUAL = "jobid user stat queue from_host exec_host job_name submit_time"


def bjobs(words: list[str]) -> int:
    """List jobs."""
    spool = Spool.named()
    grumble(spool.settings())
    flags: dict[str, str] = {}
    ids: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _VALUED:
            flags[word] = rest.pop(0)
        elif word.startswith("-"):
            flags[word] = ""
        else:
            ids.append(word)
    rows, unknown = _chosen(spool, flags, ids)
    for name in unknown if "-json" not in flags else ():
        print(f"Job <{name}> is not found", file=sys.stderr)
    fields, delimiter = _format(flags.get("-o", _USUAL))
    settings = spool.settings()
    values = [_values(job, index, state, settings.host) for job, index, state in rows]
    if "-json" in flags:
        print(_as_json(fields, values, unknown))
        return 255 if unknown and not rows else 0
    if not rows and not unknown:
        print("No unfinished job found" if not ids else "No matching job found", file=sys.stderr)
        return 255
    if rows and "-noheader" not in flags:
        print(delimiter.join(name.upper() for name in fields))
    for row in values:
        print(delimiter.join(row.get(name) or "-" for name in fields))
    return 255 if unknown else 0


def _chosen(
    spool: Spool, flags: dict[str, str], ids: list[str]
) -> tuple[list[tuple[Job, int, State]], list[str]]:
    """Return the elements that are listed, and the ids that nobody knows (any more)."""
    settings = spool.settings()
    wanted = [_parsed(word) for word in ids if word != "0"]
    seen: set[str] = set()
    rows = []
    for job, index, state in _all(spool):
        named = [word for word, number, one in wanted if number == job.id and one in (None, index)]
        if wanted and not named:
            continue
        if "-J" in flags and not _fits(job, flags["-J"]):
            continue
        if state.stat not in OPEN:
            gone = time.time() - (state.ended or 0) > settings.clean_period_s
            if gone or not (named or "-a" in flags or "-d" in flags):
                continue
        seen.update(named)
        rows.append((job, index, state))
    return rows, [word for word, _, _ in wanted if word not in seen]


def _all(spool: Spool) -> Iterator[tuple[Job, int, State]]:
    for job in spool.jobs():
        for index in job.indices:
            yield job, index, spool.state(job.id, index)


def _parsed(word: str) -> tuple[str, int, int | None]:
    match = re.fullmatch(r"(\d+)(?:\[(\d+)\])?", word)
    if match is None:
        return word, -1, None
    return word, int(match[1]), int(match[2]) if match[2] else None


def _fits(job: Job, pattern: str) -> bool:
    text = re.escape(pattern).replace(r"\*", ".*")
    return re.fullmatch(text, job.plain_name) is not None


def _format(text: str) -> tuple[list[str], str]:
    match = re.search(r"delimiter=(['\"])(.*?)\1", text)
    fields = re.sub(r"delimiter=(['\"]).*?\1", "", text).split()
    return [name.partition(":")[0].lower() for name in fields], match[2] if match else " "


def _values(job: Job, index: int, state: State, host: str) -> dict[str, str]:
    pending = state.started is None
    return {
        "jobid": str(job.id),
        "jobindex": str(index),
        "user": job.user,
        "stat": state.stat,
        "queue": job.queue,
        "from_host": host,
        "exec_host": "" if pending else host,
        "job_name": job.name if not job.is_array else f"{job.plain_name}[{index}]",
        "name": job.name,
        "submit_time": _date(job.submitted),
        "start_time": _date(state.started),
        "finish_time": _date(state.ended),
        "exit_code": str(state.code) if state.code else "",
        "exit_reason": state.reason.removesuffix("."),
        "pend_reason": "Waiting for a free slot" if state.stat == "PEND" else "",
        "max_mem": f"{state.memory >> 20} Mbytes" if state.memory else "",
        "run_time": "" if pending else _run_time(state),
        "cpu_used": f"{state.cpu_s:.1f} second(s)" if state.ended else "",
        "command": job.script.strip().replace("\n", ";"),
        "exec_cwd": job.cwd,
        "sub_cwd": job.cwd,
        "output_file": job.options.get("oo") or job.options.get("o", ""),
    }


def _run_time(state: State) -> str:
    return f"{round((state.ended or time.time()) - (state.started or 0))} second(s)"


def _date(when: float | None) -> str:
    return "" if when is None else time.strftime("%b %e %H:%M", time.localtime(when))


def _as_json(fields: list[str], values: list[dict[str, str]], unknown: list[str]) -> str:
    records: list[dict[str, str]] = [
        {name.upper(): row.get(name, "") for name in fields} for row in values
    ]
    records += [{"JOBID": name, "ERROR": f"Job <{name}> is not found"} for name in unknown]
    tree = {"COMMAND": "bjobs", "JOBS": len(records), "RECORDS": records}
    return json.dumps(tree, indent=2)
