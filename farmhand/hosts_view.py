"""What a person sees of the hosts: a bar on a terminal, a line for what happens, a table."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from farmhand.progress import Bar
from farmhand.talk import say
from manifest.hosts import Host
from manifest.units import format_duration


@dataclass(slots=True)
class Account:
    """What became of the shards on one host in this session."""

    found: int = 0
    """Were running when it began."""
    started: int = 0
    ok: int = 0
    failed: int = 0
    lost: int = 0
    running: int = 0
    note: str = ""


class HostsView:
    """One view of all hosts; for use by many threads."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        """Show nothing yet."""
        self.accounts = {host.name: Account() for host in hosts}
        self._lock = threading.Lock()
        self._bar = Bar("running", 0)
        self._begun = time.monotonic()

    def expect(self, total: int) -> None:
        """Show how much of ``total`` is done."""
        with self._lock:
            self._bar = Bar("running", total, narrow=True)
            self._bar.__enter__()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.__exit__(kind, value, trace)

    def elapsed(self) -> float:
        """Return the seconds since this was made."""
        return time.monotonic() - self._begun

    def tell(self, host: str, text: str, *, trouble: bool = True) -> None:
        """Say what happened on a host; trouble is kept for the table."""
        with self._lock:
            if trouble:
                self.accounts[host].note = text
            say(f"{host}: {text}")

    def count(self, host: str, **changes: int) -> None:
        """Add to what is known of a host."""
        with self._lock:
            account = self.accounts[host]
            for name, change in changes.items():
                setattr(account, name, getattr(account, name) + change)
            all_of = self.accounts.values()
            failed = sum(each.failed + each.lost for each in all_of)
            done = sum(each.ok for each in all_of) + failed
            self._bar.update(done, note=f"{failed} failed" if failed else "")

    def done(self) -> str:
        """Return in a line what all hosts did."""
        all_of = self.accounts.values()
        ok, failed, lost, running = (
            sum(getattr(each, name) for each in all_of)
            for name in ("ok", "failed", "lost", "running")
        )
        more = f", {running} may still run" if running else ""
        took = format_duration(self.elapsed())
        return (
            f"{ok} ok, {failed} failed, {lost} lost{more} on {len(self.accounts)} hosts in {took}"
        )

    def table(self) -> Iterator[str]:
        """Yield a table with a line for each host, and below it what went wrong there."""
        width = max(4, *(len(name) for name in self.accounts))
        heads = ("found", "started", "ok", "failed", "lost", "running")
        yield f"{'host':<{width}}  " + "  ".join(f"{head:>7}" for head in heads)
        for name, account in self.accounts.items():
            cells = "  ".join(f"{getattr(account, head):>7}" for head in heads)
            yield f"{name:<{width}}  {cells}"
            if account.note:
                yield f"  {account.note}"
