"""Looking at all hosts of a hosts file at once."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from manifest.hosts import Host
from manifest.preflight import HostReport
from manifest.ssh_section import WORKDIR, Remote
from manifest.units import format_bytes
from runners.ssh import Ssh, script_text

_AT_ONCE = 32
_SKEWED_S = 2.0
_LOW = 1 << 30
_OLDEST_BASH = (4, 2)


@dataclass(frozen=True, slots=True)
class Question:
    """What hosts are asked."""

    remote: Remote
    command: str | None
    """Program to look for."""
    folder: str
    """Directory that runs lie in; do hosts see it, too?"""
    timeout_s: float


def probe_hosts(hosts: Sequence[Host], question: Question) -> list[HostReport]:
    """Ask every host, many at a time, and mark what is odd about one among them."""
    with (
        _nonce_in(question.folder) as nonce,
        Ssh(question.remote, len(hosts)) as ssh,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        reports = list(pool.map(lambda host: _probe(ssh, host, question, nonce), hosts))
    usual = _usual_model(reports)
    return [report.model_copy(update={"odd": tuple(_odd(report, usual))}) for report in reports]


@contextlib.contextmanager
def _nonce_in(folder: str) -> Iterator[tuple[str, str]]:
    """Leave a file for a moment; yield its path ('': it cannot be written) and what is in it."""
    nonce = secrets.token_hex(16)
    path = os.path.join(folder, f".farmhand-nonce-{nonce[:8]}")
    try:
        with open(path, "x", encoding="ascii") as stream:
            stream.write(nonce)
    except OSError:
        yield "", nonce
        return
    try:
        yield path, nonce
    finally:
        os.unlink(path)


def _probe(ssh: Ssh, host: Host, question: Question, nonce: tuple[str, str]) -> HostReport:
    given = {
        "workdir": question.remote.workdir or WORKDIR,
        "command": question.command or "",
        "prologue": question.remote.prologue or "",
        "nonce_file": nonce[0],
        "nonce": nonce[1],
    }
    before = time.time()
    reply = ssh.ask(host, script_text("ssh_probe.sh", given), question.timeout_s)
    after = time.time()
    known: dict[str, Any] = {"name": host.name, "user": host.user, "port": host.port}
    if reply.lines is None:
        return HostReport(**known, ok=False, problem=reply.problem)
    return HostReport(**known, ok=True, **_facts(reply.lines, before, after))


def _facts(lines: Sequence[str], before: float, after: float) -> dict[str, Any]:
    said: dict[str, str] = {}
    missing = []
    for line in lines:
        key, _, value = line.partition(" ")
        if key == "missing":
            missing.append(value)
        else:
            said[key] = value.strip()
    at = _number(said.get("time"))
    logical, physical = _whole(said.get("logical")), _whole(said.get("physical"))
    return {
        "hostname": said.get("hostname"),
        "logical": logical,
        "physical": physical,
        "threads_per_core": max(1, logical // physical) if logical and physical else None,
        "cpu_model": said.get("cpu_model"),
        "memory": _kib(said.get("memory_kib")),
        "available": _kib(said.get("available_kib")),
        "load": _number(said.get("load")),
        "workdir": said.get("workdir"),
        "writable": _yes(said.get("writable")),
        "free": _kib(said.get("free_kib")),
        "skew_s": None if at is None else round(min(at - before, 0.0) + max(at - after, 0.0), 2),
        "bash": said.get("bash"),
        "missing": tuple(missing),
        "command": said.get("command"),
        "shared": _yes(said.get("shared")),
    }


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and int(text) > 0 else None


def _kib(text: str | None) -> int | None:
    return int(text) << 10 if text and text.isdecimal() else None


def _yes(text: str | None) -> bool | None:
    return None if text is None else text == "yes"


def _usual_model(reports: Sequence[HostReport]) -> str | None:
    models = Counter(report.cpu_model for report in reports if report.cpu_model)
    return models.most_common(1)[0][0] if models else None


def _odd(report: HostReport, usual: str | None) -> Iterator[str]:
    """Say what may go wrong on a host, or make it slower or faster than the others."""
    if report.cpu_model and report.cpu_model != usual:
        yield f"another processor: {report.cpu_model}"
    if report.skew_s is not None and abs(report.skew_s) > _SKEWED_S:
        yield f"its clock is {report.skew_s:+.1f} s off"
    if report.load is not None and report.logical and report.load > report.logical:
        yield f"busy: load {report.load:g} on {report.logical} cores"
    if report.free is not None and report.free < _LOW:
        yield f"only {format_bytes(report.free)} free at {report.workdir}"
    if report.writable is False:
        yield f"{report.workdir} cannot be written"
    if report.ok and (report.bash is None or _version(report.bash) < _OLDEST_BASH):
        yield "no bash" if report.bash is None else f"bash {report.bash}; payloads need 4.2"
    if report.missing:
        yield f"no {', '.join(report.missing)}"
    if report.command == "-":
        yield "the command is not on PATH"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
