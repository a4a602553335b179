"""A run on one host: what can be asked of it there, in four scripts of POSIX sh."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from runners.ssh import CONNECT_S, Reply, Ssh, script_text
from runners.ssh_copy import fetch, send

if TYPE_CHECKING:
    from threading import Event

    from manifest.hosts import Host

ANSWER_S = 45 + CONNECT_S
_LAUNCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

How = Literal["alive", "starting", "gone", "rebooted", "absent", "refused"]


class Silent(Exception):  # noqa: N818 (it is an answer, too)
    """A host did not answer: nothing is known of what runs there."""

    def __init__(self, problem: str, *, final: bool) -> None:
        """``final``: asking again would change nothing."""
        super().__init__(problem)
        self.problem, self.final = problem, final


class Unfit(Exception):  # noqa: N818 (as above)
    """A host answered that it cannot work."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a shard on a host: its id is also the native id of the attempt."""

    id: str
    shard: int
    block: int
    submission: int
    walltime: int = 0
    cpus: int | None = None


@dataclass(slots=True)
class Seen:
    """How a launch stands."""

    launch: Launch
    how: How
    pid: int | None = None
    record: str | None = None
    """Name of its record."""
    lines: list[str] = field(default_factory=list)
    """What is in it."""
    log: str = ""
    """The last line that the payload itself printed, or why it was not started."""


@dataclass(frozen=True, slots=True)
class Here:
    """The run on this machine."""

    path: str
    name: str
    """What its directory on hosts is called."""
    plan_id: str
    nonce_file: str
    nonce: str
    workdir: str
    prologue: str
    shared: Literal["auto", "yes", "no"]
    obstacle: str | None
    """Why it cannot be done where this filesystem is not seen; None: it can."""
    answer_s: float = ANSWER_S
    """A host that takes longer to say anything is silent."""
    pushed: tuple[str, ...] = ("plan",)


def new_launch(host: Host) -> str:
    """Return an id that no other launch has."""
    safe = re.sub(r"[^A-Za-z0-9-]", "-", host.name).strip("-")[:40] or "host"
    return f"{safe}-{secrets.token_hex(4)}"


class RemoteRun:
    """What can be asked of a host.

    Every method raises Silent when the host does not answer.
    """

    def __init__(self, ssh: Ssh, host: Host, here: Here, stop: Event) -> None:
        """Ask nothing yet; ``stop`` cuts the fetching of results short."""
        self._ssh, self.host, self._here, self._stop = ssh, host, here, stop
        self.path = ""
        """Absolute path of the run there; '': not known yet."""
        self.shared = False

    def prepare(self) -> bool:
        """Find out where the run lies there; return whether it has to be sent.

        Raises:
            Unfit: the host cannot work on the run.
        """
        here = self._here
        given = {
            "workdir": here.workdir,
            "name": here.name,
            "plan": here.plan_id,
            "here": "" if here.shared == "no" else here.path,
            "nonce_file": here.nonce_file,
            "nonce": here.nonce,
        }
        lines = self._asked("ssh_prepare.sh", given, here.answer_s)
        said = dict(line.split(" ", 1) for line in lines if " " in line)
        if "fail" in said:
            raise Unfit(said["fail"])
        self.shared, self.path = "shared" in lines, said.get("run", "")
        if not self.path.startswith("/"):
            raise Unfit("it does not say where its home is")
        if here.shared == "yes" and not self.shared:
            raise Unfit(f"it does not see {here.path} (ssh.shared: yes)")
        if not self.shared and here.obstacle is not None:
            raise Unfit(f"it does not see {here.path}, and {here.obstacle}")
        return not self.shared and "have" not in lines

    def drop(self) -> None:
        """Close the connection, which may hang: the next question opens another one."""
        self._ssh.drop(self.host)

    def push(self, stop: Event) -> None:
        """Send the run, unless ``stop`` is set meanwhile.

        Raises:
            Unfit: it could not be written there, or not be read here.
        """
        script = script_text(
            "ssh_receive.sh",
            {"run": self.path, "nonce": secrets.token_hex(4), "plan": self._here.plan_id},
        )
        reply = send(self._ssh, self.host, script, self._here.path, self._here.pushed, stop)
        lines = self._lines(reply)
        if lines[-1:] != ("received",):
            raise Unfit(f"the run cannot be written at {self.path}: {' '.join(lines)[:300]}")

    def turn(
        self,
        starts: Sequence[Launch],
        watch: Sequence[Launch],
        *,
        wait_s: int = 0,
        send_signal: str = "",
        stop: Event | None = None,
    ) -> list[Seen]:
        """Start launches, wait up to ``wait_s`` for one of ``watch`` to end, tell how all stand.

        What is watched and was never started is called off by that: it is ``absent``.
        """
        begun = "".join(
            f"{x.id} {x.block} {x.shard} {x.submission} {x.walltime} {x.cpus or ''}\n"
            for x in starts
        )
        given = {
            "run": self.path,
            "plan": self._here.plan_id,
            "prologue": self._here.prologue,
            "wait": str(wait_s),
            "send": send_signal,
            "starts": begun,
            "watch": "".join(f"{x.id} {x.block} {x.shard}\n" for x in watch),
        }
        lines = self._asked("ssh_turn.sh", given, wait_s + self._here.answer_s, stop)
        if lines[:1] == ("gone",):
            return [Seen(launch, "absent") for launch in watch]
        return list(seen_in(lines, {launch.id: launch for launch in watch}))

    def pull(self, ended: Sequence[tuple[Seen, str]], into: str) -> str | None:
        """Bring what launches left into a directory here; return why that did not work, or None.

        Args:
            ended: launches with a record, each with the directory of its attempt in the run.
            into: where to; made anew.
        """
        text = "".join(
            f"{seen.launch.id} records/{seen.launch.block}/{seen.record} {folder}\n"
            for seen, folder in ended
        )
        reply = fetch(self._ssh, self.host, {"run": self.path, "ended": text}, into, self._stop)
        if reply.lines is None and reply.final:
            return reply.problem
        self._lines(reply)
        return None

    def _asked(
        self, name: str, given: Mapping[str, str], timeout_s: float, stop: Event | None = None
    ) -> tuple[str, ...]:
        return self._lines(self._ssh.ask(self.host, script_text(name, given), timeout_s, stop=stop))

    @staticmethod
    def _lines(reply: Reply) -> tuple[str, ...]:
        if reply.lines is None:
            raise Silent(reply.problem or "no answer", final=reply.final)
        return reply.lines


def seen_in(lines: Sequence[str], known: Mapping[str, Launch]) -> Iterator[Seen]:
    """Yield how each launch stands; what a host makes up beside that is passed over."""
    found: dict[str, Seen] = {}
    last: Seen | None = None
    for line in lines:
        word, _, rest = line.partition(" ")
        name, _, text = rest.partition(" ")
        if word == "refused" and name in known:
            found[name] = Seen(known[name], "refused", log=text)
        elif word == "launch":
            last = None
            if name in known and found.get(name) is None:
                last = found[name] = Seen(known[name], _how(text))
        elif last is not None:
            _add(last, word, rest)
    yield from found.values()


def _how(text: str) -> How:
    kinds: tuple[How, ...] = ("alive", "starting", "gone", "rebooted", "absent")
    return next((kind for kind in kinds if kind == text), "starting")


def _add(seen: Seen, word: str, rest: str) -> None:
    if word == "pid":
        seen.pid = int(name) if (name := rest.partition(" ")[0]).isdecimal() else None
    elif word == "record" and _is_record(rest, seen.launch):
        seen.record, seen.lines = rest, []
    elif word == "line" and seen.record is not None:
        seen.lines.append(rest)
    elif word == "log":
        seen.log = rest


def _is_record(name: str, launch: Launch) -> bool:
    start = f"{launch.shard}.{launch.id}."
    return (
        name.startswith(start)
        and name.endswith(".jsonl")
        and os.sep not in name
        and bool(_LAUNCH.fullmatch(name))
    )
