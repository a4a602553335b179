"""The site profile: what a person or ``farmhand doctor --write`` noted about a site, once."""

from __future__ import annotations

import os
from typing import Any

from pydantic import Field, ValidationError

from manifest.checks import Frozen
from manifest.document import Document, read_document
from manifest.errors import UserError
from manifest.lsf_section import LsfHabits
from manifest.nearest import nearest
from manifest.ssh_section import Remote
from manifest.staging import Transfers
from manifest.transfers import Transfer
from manifest.tree import Absent
from manifest.units import Bytes, Seconds
from manifest.yaml_writer import dump_yaml

VARIABLE = "FARMHAND_SITE"
_HARD_LIMIT = 4_000_001  # of MaxArraySize, slurm.conf(5)
_ABOUT = "# What farmhand knows of this site; doctor --write measures it, and keeps what you add.\n"


class SlurmPartition(Frozen):
    """One partition; what is left out is unlimited or not known."""

    default: bool = False
    max_walltime: Seconds | None = None
    nodes: int | None = Field(default=None, ge=0)
    cpus: int | None = Field(default=None, ge=0)
    """Of its largest node, as is the memory."""
    memory: Bytes | None = None


class SlurmSite(Frozen):
    """SLURM here; what is left out is not known."""

    cluster: str | None = None
    version: str | None = None
    max_array_size: int | None = Field(default=None, ge=0, le=_HARD_LIMIT)
    """MaxArraySize of slurm.conf(5): one more than the largest index; 0: there are no arrays."""
    max_array_tasks: int | None = Field(default=None, ge=0)
    """Of SchedulerParameters: the largest number of elements, when it is less."""
    max_job_count: int | None = Field(default=None, gt=0)
    """MaxJobCount: jobs of everybody; each element counts."""
    max_submit_jobs: int | None = Field(default=None, ge=0)
    """Jobs of one user that may wait and run at a time; each element counts."""
    partitions: dict[str, SlurmPartition] = Field(default_factory=dict)

    @property
    def largest_array(self) -> int | None:
        """Return how many elements, counted from 0, an array may have; None: not known."""
        known = (self.max_array_size, self.max_array_tasks)
        return min((size for size in known if size is not None), default=None)


class LsfSite(LsfHabits):
    """LSF here; what is left out is not known."""

    cluster: str | None = None
    version: str | None = None


class LocalSite(Frozen):
    """What a pool on this machine may use; what is left out follows from the machine."""

    jobs: int | None = Field(default=None, gt=0)
    """Shards at a time."""
    memory: Bytes | None = Field(default=None, gt=0)
    """For all shards together."""


class Site(Frozen):
    """All of a profile, one section a scheduler."""

    slurm: SlurmSite = SlurmSite()
    lsf: LsfSite = LsfSite()
    local: LocalSite = LocalSite()
    remote: Remote = Remote()
    """Hosts that are reached by SSH."""
    transfers: Transfers = Field(default_factory=dict)
    """Commands that move files, by the scheme of a URL, where farmhand's own do not suit."""


def site_path() -> str:
    """Return where the profile lies, or would."""
    named = os.environ.get(VARIABLE)
    if named:
        return os.path.abspath(named)
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "farmhand", "site.yaml")


def read_site() -> Site:
    """Return the site's profile; an empty one where there is none.

    Raises:
        UserError: it cannot be read, or it is named by the variable and not there.
    """
    path = site_path()
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            raise UserError(
                f"{VARIABLE} names a site profile that does not exist",
                where=path,
                hint="unset it, or write the profile by: farmhand doctor --write",
            ) from None
        return Site()
    except OSError as error:
        raise UserError(
            f"the site profile cannot be read: {error.strerror}",
            where=path,
            hint=f"mend it, or name another one by {VARIABLE}",
        ) from error
    return parse_site(raw, path)


def parse_site(raw: bytes, source: str) -> Site:
    """Return the profile that a file's bytes say.

    Raises:
        UserError: they are damaged, or say what a profile does not know.
    """
    lines = raw.splitlines()
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in lines):
        return Site()
    document = read_document(raw, source, fmt="yaml")
    try:
        return Site.model_validate(_given(document.data))
    except ValidationError as error:
        raise _explain(error, document) from error


def site_text(site: Site) -> str:
    """Return the file of a profile."""
    tree = site.model_dump(exclude_defaults=True)
    for partition in tree.get("slurm", {}).get("partitions", {}).values():
        if "max_walltime" in partition:
            partition["max_walltime"] = _clock(partition["max_walltime"])
        if "memory" in partition:
            partition["memory"] = f"{partition['memory'] >> 20} MB"
    if "memory" in tree.get("local", {}):
        tree["local"]["memory"] = f"{tree['local']['memory']} B"
    return _ABOUT + dump_yaml(tree)


def _clock(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    return f"{days}-{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def _given(data: Any) -> Any:  # noqa: ANN401 (any document)
    """Leave out keys without a value."""
    if not isinstance(data, dict):
        return data
    return {name: _given(value) for name, value in data.items() if not isinstance(value, Absent)}


def _explain(error: ValidationError, document: Document) -> UserError:
    first = error.errors(include_url=False)[0]
    place = tuple(part for part in first["loc"] if part != "[key]")
    key = ".".join(map(str, place)) or "the profile"
    if first["type"] == "extra_forbidden":
        known = _known_keys(place)
        guess = nearest(str(place[-1]), known)
        what = f"unknown key '{place[-1]}' in the site profile"
        hint = f"did you mean '{guess}'?" if guess else f"known here: {', '.join(sorted(known))}"
    elif first["type"] in ("model_type", "dict_type"):
        what, hint = f"{key}: a block of keys was expected in the site profile", None
    elif first["type"].startswith("int_"):
        what, hint = f"{key}: {first['input']!r} is not a whole number", "write digits only"
    else:
        what, hint = f"{key}: {first['msg'].removeprefix('Value error, ')}", None
    return UserError(what, where=document.where(place), hint=hint)


def _known_keys(place: tuple[str | int, ...]) -> list[str]:
    """Return the keys of the block that the last part of a place stands in."""
    models: dict[str | int, list[type[Frozen]]] = {
        "slurm": [SlurmSite, SlurmPartition, SlurmPartition],
        "lsf": [LsfSite],
        "local": [LocalSite],
        "remote": [Remote],
        "transfers": [Transfer],
    }
    path = [Site, *models.get(place[0], ())]
    return list(path[min(len(place), len(path)) - 1].model_fields)
