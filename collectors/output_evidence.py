"""Outputs as evidence: stat and validators, once for each attempt that ended well."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from collectors.records import Attempt
from collectors.run_facts import RunFacts
from manifest.checks import Check
from outputs.check import check_output, check_text_rule
from outputs.cleaned import Cleaned, read_cleaned
from outputs.facts import ShardFacts
from outputs.tree import measure
from runners.command import run_command

COMMAND_TIMEOUT_S = 300.0
_STREAMS = ("stdout", "stderr")
_STORED = frozenset(("url", "bytes", "sha256"))


def wants_check(attempt: Attempt) -> bool:
    """Say whether the outputs of an attempt can tell anything."""
    return (
        attempt["ended"] is not None
        and attempt["exit_code"] == 0
        and attempt["reported"] is None
        and attempt["plan"] is None
        and attempt["dir"] is not None
    )


def check_attempt(
    facts: RunFacts, shard: ShardFacts, attempt: Attempt, paths: dict[str, str], stop: Event
) -> list[dict[str, Any]]:
    """Return one entry an output: name, path in the run, bytes, mtime_ns, problem.

    One of a directory has ``files`` too; its bytes are those of all its files together.
    """
    found = []
    cleaned = read_cleaned(facts.run)
    for name, output in facts.spec.outputs.items():
        shown = f"{attempt['dir']}/{paths[name]}"
        path, folder = (os.path.join(facts.run, part) for part in (shown, attempt["dir"]))
        entry = _entry(name, shown, path, cleaned, stored_at(attempt, name))
        here = entry["mtime_ns"] is not None
        if here and entry["problem"] is None and output.check and not cleaned.took(path):
            entry["problem"] = _checked(shard, path, folder, output.check, stop)
        if output.destination and entry["problem"] is None and "url" not in entry:
            shown = os.path.basename(path)
            entry["problem"] = f"the record does not say that {shown} was stored"
        found.append(entry)
    for stream in _STREAMS:
        rule = getattr(facts.spec.logs, stream)
        if rule is not None:
            shown = f"{attempt['dir']}/{stream}"
            problem = check_text_rule(os.path.join(facts.run, shown), stream, rule)
            found.append(
                {"name": stream, "path": None, "bytes": None, "mtime_ns": None, "problem": problem}
            )
    return found


def stored_at(attempt: Attempt, name: str) -> dict[str, Any] | None:
    """Return what an attempt recorded of storing an output elsewhere: url, bytes, sha256."""
    for told in attempt["stored"] or ():
        if isinstance(told, dict) and told.get("name") == name and _STORED.issubset(told):
            return told
    return None


def _entry(
    name: str, shown: str, path: str, cleaned: Cleaned, stored: dict[str, Any] | None
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": name,
        "path": shown,
        "bytes": None,
        "mtime_ns": None,
        "problem": None,
    }
    if stored is not None:
        entry["url"], entry["sha256"] = stored["url"], stored["sha256"]
    try:
        found = measure(path, cleaned)
    except FileNotFoundError:
        if stored is not None:
            entry["bytes"] = stored["bytes"]
            return entry
        entry["problem"] = f"{os.path.basename(path)} does not exist"
    except OSError as error:
        entry["problem"] = f"{os.path.basename(path)} cannot be read: {error.strerror}"
    else:
        entry["bytes"], entry["mtime_ns"] = found.bytes, found.mtime_ns
        if found.files is not None:
            entry["files"] = found.files
    return entry


def _checked(shard: ShardFacts, path: str, folder: str, check: Check, stop: Event) -> str | None:
    problem = check_output(path, os.path.basename(path), check, shard)
    if problem is None and check.command:
        env = {
            "FARMHAND_SHARD_INDEX": str(shard.index),
            "FARMHAND_SHARD_NAME": shard.name,
            "FARMHAND_SHARD_START": str(shard.start),
            "FARMHAND_SHARD_SIZE": str(shard.size),
        }
        result = run_command([*check.command, path], folder, env, COMMAND_TIMEOUT_S, stop)
        if result.code != 0:
            how = "took too long" if result.code is None else f"said {result.code}"
            problem = f"{check.command[0]} {how} about {os.path.basename(path)}: {result.tail}"
    return problem


def check_all(facts: RunFacts, due: list[tuple[ShardFacts, Attempt, dict[str, str]]]) -> None:
    """Check the outputs of many attempts; side by side when commands have to be run."""
    stop = Event()

    def one(item: tuple[ShardFacts, Attempt, dict[str, str]]) -> None:
        shard, attempt, paths = item
        attempt["outputs"] = check_attempt(facts, shard, attempt, paths, stop)

    outputs = facts.spec.outputs.values()
    if any(output.check and output.check.command for output in outputs):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                list(pool.map(one, due))
            except BaseException:  # ^C: leaving the pool waits for what runs in it
                stop.set()
                raise
    else:
        for item in due:
            one(item)


def has_changed(facts: RunFacts, attempt: Attempt) -> bool:
    """Say whether an output is no longer the file that was checked."""
    cleaned = read_cleaned(facts.run)
    for entry in attempt["outputs"] or []:
        if entry["path"] is None:
            continue
        path = os.path.join(facts.run, entry["path"])
        stored = stored_at(attempt, entry["name"])
        now = _entry(entry["name"], entry["path"], path, cleaned, stored)
        if any(now.get(fact) != entry.get(fact) for fact in ("bytes", "mtime_ns", "files")):
            return True
    return False
