"""Resource requirements in LSF's own language, taken apart so that ours can be put in.

``select[...] order[...] rusage[...] affinity[...]``; what stands before the first section is the
select section (Administering IBM Spectrum LSF, "About resource requirement strings").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SECTIONS = ("select", "order", "rusage", "span", "same", "cu", "affinity")
_START = re.compile(rf"\b({'|'.join(_SECTIONS)})\s*\[")
_MEMORY = re.compile(r"(?:^|[,:|\s(])mem\s*=", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a user requires, by section; None: nothing."""

    select: str | None = None
    order: str | None = None
    rusage: str | None = None
    affinity: str | None = None

    def text(self, *, memory: str | None, one_host: bool, without: tuple[str, ...]) -> str:
        """Return the whole as the one -R of a script; "" when nothing is required.

        Args:
            memory: ``mem=...`` for the rusage section.
            one_host: whether the slots must be of one host.
            without: hosts to keep away from.
        """
        conditions = [f"hname!='{host}'" for host in without]
        select = self.select
        if conditions:
            mine = [f"({select})"] if select else []
            select = " && ".join([*mine, *conditions])
        usage = ",".join(part for part in (memory, self.rusage) if part)
        parts = (
            ("select", select),
            ("order", self.order),
            ("rusage", usage),
            ("span", "hosts=1" if one_host else None),
            ("affinity", self.affinity),
        )
        return " ".join(f"{name}[{value}]" for name, value in parts if value)


def parse_requirement(text: str) -> Requirement:
    """Take a requirement apart.

    Raises:
        ValueError: it is not well formed, says what farmhand says, or cannot have ours put in.
    """
    found = _sections(text)
    if "span" in found and found["span"] != "hosts=1":
        message = "span: a shard runs on one host; farmhand writes span[hosts=1] itself"
        raise ValueError(message)
    for name in ("same", "cu"):
        if name in found:
            message = f"{name}: it is for jobs on several hosts; a shard runs on one"
            raise ValueError(message)
    usage = found.get("rusage")
    if usage and _MEMORY.search(usage):
        message = "rusage: say resources.memory instead of mem=, so that resubmit can raise it"
        raise ValueError(message)
    if usage and "||" in usage:
        message = "rusage: alternatives (||) cannot be joined with the memory that farmhand writes"
        raise ValueError(message)
    return Requirement(found.get("select"), found.get("order"), usage, found.get("affinity"))


def _sections(text: str) -> dict[str, str]:
    if set(text) & set('{}"'):
        message = (
            "alternatives in braces are not for here"
            if set(text) & set("{}")
            else "write ' instead of \" around a text, as LSF takes both"
        )
        raise ValueError(message)
    found: dict[str, str] = {}
    rest = text.strip()
    match = _START.search(rest)
    bare = rest if match is None else rest[: match.start()].strip()
    if bare:
        if set(bare) & set("[]"):
            message = f"{bare}: there is no such section; known are {', '.join(_SECTIONS)}"
            raise ValueError(message)
        found["select"] = bare
        rest = rest[len(bare) :].strip() if match else ""
    while rest:
        match = _START.match(rest)
        if match is None:
            message = f"{rest}: a section was expected, such as select[mem>1000]"
            raise ValueError(message)
        name, end = match[1], rest.find("]", match.end())
        value = rest[match.end() : end].strip()
        if end < 0 or "[" in value or not value:
            message = f"{name}: no text between brackets, or a bracket is not closed"
            raise ValueError(message)
        if name in found and name != "rusage":
            message = f"{name}: it is there twice"
            raise ValueError(message)
        found[name] = f"{found[name]},{value}" if name in found else value
        rest = rest[end + 1 :].strip()
    return found


def host_name(text: str) -> str:
    """Return a host's name.

    Raises:
        ValueError: it cannot be one.
    """
    if not _HOST.fullmatch(text):
        message = f"{text!r} is no host: letters, digits and . _ -"
        raise ValueError(message)
    return text
