"""What is kept of each event of a job: a row of its number, its time, and the facts that matter."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from collectors.condor_log import Event

SUBMIT, EXECUTE, EVICTED, TERMINATED, IMAGE_SIZE = 0, 1, 4, 5, 6
SHADOW_EXCEPTION, ABORTED, SUSPENDED, UNSUSPENDED, HELD, RELEASED = 7, 9, 10, 11, 12, 13
REMOTE_ERROR, DISCONNECTED, RECONNECTED, RECONNECT_FAILED = 21, 22, 23, 24

Row = list[Any]
"""``[number, time, {fact: value}]``; plain, so that it can be kept beside the log."""

_KIB, _MIB = 1 << 10, 1 << 20
# HTCondor's reader leaves out what the machine measured, of an event that evicts.
_MEMORY = re.compile(rb"^\t   Memory \(MB\) +: +(\d*) +(\d+) +\d+ *$", re.MULTILINE)
_RESIDENT = re.compile(rb"(\d+)  -  ResidentSetSize of job \(KB\)")
_USED = re.compile(rb"(\d+)  -  MemoryUsage of job \(MB\)")


def row(event: Event) -> Row | None:
    """Return what is kept of an event; None: nothing."""
    facts = _FACTS.get(event.type)
    if facts is None:
        return None
    kept = facts(event)
    if event.type == IMAGE_SIZE and not kept["peak"]:
        return None
    return [event.type, event.time, {n: v for n, v in kept.items() if v is not None and v != ""}]


def _nothing(_: Event) -> dict[str, Any]:
    return {}


def _executes(event: Event) -> dict[str, Any]:
    slot = str(event.facts.get("SlotName") or "")
    props = event.facts.get("ExecuteProps") or {}
    host = slot.rpartition("@")[2] or str(event.facts.get("ExecuteHost") or "")
    return {"node": host, "slot": slot, "cpus": _whole(props.get("Cpus"))}


def _evicted(event: Event) -> dict[str, Any]:
    facts = event.facts
    found = {
        "why": str(facts.get("Reason") or ""),
        "code": _whole(facts.get("ReasonCode")),
        "subcode": _whole(facts.get("ReasonSubCode")),
    }
    match = _MEMORY.search(event.text)
    if match:
        found |= {"peak": int(match[1] or 0) * _MIB or None, "memory": int(match[2]) * _MIB}
    if facts.get("TerminatedAndRequeued"):  # on_exit_remove, max_retries: it is run again
        found |= _how_it_ended(event)
    return found


def _terminated(event: Event) -> dict[str, Any]:
    asked, used = _whole(event.facts.get("RequestMemory")), _whole(event.facts.get("MemoryUsage"))
    return _how_it_ended(event) | {
        "memory": asked and asked * _MIB,
        "peak": (used and used * _MIB) or None,
        "cpus": _whole(event.facts.get("Cpus")),
    }


def _how_it_ended(event: Event) -> dict[str, Any]:
    if event.facts.get("TerminatedNormally"):
        return {"exit": _whole(event.facts.get("ReturnValue"))}
    return {"signal": _whole(event.facts.get("TerminatedBySignal"))}


def _image_size(event: Event) -> dict[str, Any]:
    """From the text, if the reader was not asked: of these there are as many as of all others."""
    if event.facts:
        resident, used = event.facts.get("ResidentSetSize"), event.facts.get("MemoryUsage")
    else:
        found = [pattern.search(event.text) for pattern in (_RESIDENT, _USED)]
        resident, used = (int(match[1]) if match else 0 for match in found)
    return {"peak": max((_whole(resident) or 0) * _KIB, (_whole(used) or 0) * _MIB) or None}


def _held(event: Event) -> dict[str, Any]:
    return {
        "why": str(event.facts.get("HoldReason") or ""),
        "code": _whole(event.facts.get("HoldReasonCode")),
        "subcode": _whole(event.facts.get("HoldReasonSubCode")),
    }


def _reason(event: Event) -> dict[str, Any]:
    names = ("Reason", "Message", "ErrorMsg", "DisconnectReason")
    text = next((str(event.facts[n]) for n in names if event.facts.get(n)), "")
    return {"why": " ".join(text.split())}


_FACTS: dict[int, Callable[[Event], dict[str, Any]]] = {
    SUBMIT: _nothing,
    EXECUTE: _executes,
    EVICTED: _evicted,
    TERMINATED: _terminated,
    IMAGE_SIZE: _image_size,
    SHADOW_EXCEPTION: _reason,
    ABORTED: _reason,
    SUSPENDED: _nothing,
    UNSUSPENDED: _nothing,
    HELD: _held,
    RELEASED: _nothing,
    REMOTE_ERROR: _reason,
    DISCONNECTED: _reason,
    RECONNECTED: _nothing,
    RECONNECT_FAILED: _reason,
}


def _whole(value: Any) -> int | None:  # noqa: ANN401 (a ClassAd's values)
    return int(value) if isinstance(value, int | float) else None
