"""The ``ssh:`` section of a spec, and what a site profile says of the hosts that are reached so."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from manifest.checks import Frozen
from manifest.hosts import Hosts
from manifest.units import Seconds

WORKDIR = ".farmhand"
_POLICIES = ("physical", "logical", "auto")


def _threads(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    if isinstance(value, str) and value not in _POLICIES:
        if not value.isdecimal() or int(value) == 0:
            known = ", ".join(_POLICIES)
            raise ValueError(f"'{value}' is no number of threads, nor one of {known}")
        return int(value)
    return value


def _one_line(value: str) -> str:
    if not value or any(not letter.isprintable() for letter in value):
        raise ValueError("this has to be a path, in one line")
    return value


Path = Annotated[str, AfterValidator(_one_line)]


class Remote(Frozen):
    """How hosts are reached and where they work; None: not said."""

    workdir: Path | None = None
    """Directory on the hosts that runs are copied into, relative to the home there."""
    prologue: str | None = None
    """Shell lines on a host before the payload is started."""
    key: Path | None = None
    """Identity file, as ``ssh -i`` takes it."""
    config: Path | None = None
    """Configuration instead of the user's own, as ``ssh -F`` takes it."""

    def over(self, other: Remote) -> Remote:
        """Return this with what it leaves out taken from ``other``."""
        names = Remote.model_fields
        mine = {name: getattr(self, name) for name in names}
        return Remote.model_construct(
            **{name: getattr(other, name) if mine[name] is None else mine[name] for name in names}
        )


class Ssh(Remote):
    """How work is shared out over hosts."""

    hosts: Hosts = ()
    split: Literal["hosts", "shards"] | None = None
    """``hosts``: the count by weight, one shard a host; ``shards``: whoever is free takes one.
    None: shards when there are more of them than hosts."""
    weights: Literal["uniform", "physical", "logical"] | None = None
    """What the weight of a host is that has none; None: physical cores, where they are known."""
    threads: Annotated[
        Annotated[int, Field(gt=0)] | Literal["physical", "logical", "auto"] | None,
        BeforeValidator(_threads),
    ] = None
    """Cores that a shard uses on a host that does not say; None: what resources.cpus says."""
    shared: Literal["auto", "yes", "no"] = "auto"
    """Whether hosts see the run directory, so that nothing is copied."""
    reassign: bool = True
    """Whether shards of a host that is gone go to others."""
    give_up: Seconds = 300
    """How long a host may be silent before its shards count as lost."""
