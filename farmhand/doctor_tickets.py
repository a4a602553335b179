"""What doctor finds out about what lets jobs in: Kerberos, AFS and the grid."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from farmhand.doctor_findings import Finding, bad, fine, note
from manifest.units import format_duration
from runners.asked import ask
from runners.filesystem import Filesystem

_PATIENCE_S = 5.0
# MIT's klist in the C locale (with two or four digits to a year), then Heimdal's.
_KLIST_TIMES = ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%b %d %H:%M:%S %Y")


def look_at_tickets(found: Filesystem | None) -> Iterator[Finding]:
    """Say how long tickets last; what is not used here is passed over.

    Args:
        found: where runs lie, which may need a ticket.
    """
    kind = found.kind if found else ""
    krb5 = bool(found) and any(
        word.startswith("sec=krb5") for word in (found.options if found else ())
    )
    yield from _kerberos(needed=krb5 or kind == "afs")
    yield from _afs(needed=kind == "afs")
    yield from _proxy()


def _kerberos(*, needed: bool) -> Iterator[Finding]:
    if shutil.which("klist") is None:
        return
    env = {**os.environ, "LC_ALL": "C"}
    valid = ask(["klist", "-s"], _PATIENCE_S, env=env)
    listed = ask(["klist"], _PATIENCE_S, env=env)
    if listed.code is None:
        yield note("Kerberos", f"{listed.problem}")
    elif valid.code == 0:
        end = _ticket_end(listed.out)
        yield fine("Kerberos", "a valid ticket" + (f", {_left(end)}" if end else ""))
    elif "krbtgt/" in listed.out:
        yield (bad if needed else note)("Kerberos", "the ticket has expired; type kinit")
    else:
        yield (bad if needed else note)("Kerberos", "no ticket" + "; type kinit" * needed)


def _ticket_end(text: str) -> float | None:
    match = re.search(r"^\s*\S.*?  +(\S.*?)  +krbtgt/", text, re.MULTILINE)
    for form in _KLIST_TIMES if match else ():
        try:
            return datetime.strptime(match[1] if match else "", form).astimezone().timestamp()
        except ValueError:
            continue
    return None


def _afs(*, needed: bool) -> Iterator[Finding]:
    if shutil.which("tokens") is None:
        return
    asked = ask(["tokens"], _PATIENCE_S, env={**os.environ, "LC_ALL": "C"})
    cells = re.findall(r"tokens for (?:afs@)?(\S+) \[Expires ([^\]]+)\]", asked.out)
    if asked.code is None:
        yield note("AFS", f"{asked.problem}")
    elif cells:
        yield fine("AFS", ", ".join(f"token for {cell} until {end}" for cell, end in cells))
    else:
        yield (bad if needed else note)("AFS", "no token" + "; type aklog" * needed)


def _proxy() -> Iterator[Finding]:
    named = os.environ.get("X509_USER_PROXY")
    path = named or f"/tmp/x509up_u{os.getuid()}"  # noqa: S108 (where grid tools put it)
    if not os.path.exists(path):
        if named:
            yield bad("grid proxy", f"X509_USER_PROXY names {named}, which does not exist")
        return
    asked = ask(["openssl", "x509", "-noout", "-enddate", "-in", path], _PATIENCE_S)
    match = re.search(r"^notAfter=(.*) GMT$", asked.out, re.MULTILINE)
    try:
        said = match[1] if match else ""
        end = datetime.strptime(said, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC).timestamp()
    except ValueError:
        yield note("grid proxy", f"{path}: how long it lasts could not be read")
        return
    if end <= time.time():
        yield (bad if named else note)("grid proxy", f"{path} has expired")
    else:
        yield fine("grid proxy", f"{path}, {_left(end)}")


def _left(end: float) -> str:
    return f"{format_duration(max(0, int(end - time.time())))} left"
