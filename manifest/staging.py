"""What a spec says about copying files: inputs to the node, outputs to where they are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from manifest.checks import Frozen
from manifest.transfers import TRANSFERS, Transfer
from manifest.units import Bytes, Seconds

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def _is_scheme(name: str) -> str:
    if not _SCHEME.fullmatch(name):
        raise ValueError(f"{name!r} is not the scheme of a URL, such as root or s3")
    return name


def _cache(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return None if value == "none" else value


Scheme = Annotated[str, AfterValidator(_is_scheme)]
Transfers = dict[Scheme, Transfer]


class Staging(Frozen):
    """Copying files to and from the nodes."""

    inputs: bool = True
    """Whether files of the work that are URLs are copied to the node before the command starts."""
    cache: Annotated[str | None, BeforeValidator(_cache)] = None
    """Directory on the node that its jobs share; None: each attempt has a copy of its own."""
    cache_limit: Bytes | None = None
    retries: int = Field(default=3, ge=0)
    pause: Seconds = 2
    """Before the first retry; twice as long before each further one."""
    timeout: Seconds = 3600
    """Of one transfer."""
    keep: bool = False
    """Whether the local copies of outputs stay when they are stored elsewhere."""
    commands: Transfers = Field(default_factory=dict)
    """By the scheme of a URL; what a scheme leaves out is taken from farmhand's own table."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.cache is not None and not self.cache.startswith(("/", "$")):
            raise ValueError("cache: is an absolute directory on the nodes, or none")
        if self.cache_limit is not None and self.cache is None:
            raise ValueError("cache_limit: is for a cache:")
        return self

    def at(self, site: Mapping[str, Transfer]) -> Staging:
        """Return the same with a site's commands for what the spec leaves out."""
        own = {name: one.over(site.get(name)) for name, one in self.commands.items()}
        return self.model_copy(update={"commands": {**site, **own}})

    def transfer(self, scheme: str) -> Transfer | None:
        """Return the commands for a scheme; None: nobody knows it."""
        own = self.commands.get(scheme)
        return TRANSFERS.get(scheme) if own is None else own.over(TRANSFERS.get(scheme))
