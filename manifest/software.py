"""What a spec says about the software that its shards run: what is noted of it, what is packed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from manifest.checks import Frozen
from manifest.names import SafeName

_PATTERN = re.compile(r"[A-Za-z0-9_*?]+")
SECRET_WORDS = (
    *("TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL", "KEY", "AUTH", "COOKIE"),
    *("X509", "SESSION", "KRB5", "PRIVATE", "SIGNATURE", "CERT"),
)
"""A variable with one of these in its name is never recorded."""


def is_secret(name: str) -> bool:
    """Say whether a variable's name is one of those that hold secrets.

    >>> is_secret("AWS_SECRET_ACCESS_KEY"), is_secret("ROOTSYS")
    (True, False)
    """
    return any(word in name.upper() for word in SECRET_WORDS)


def _one_or_more(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]


class Provenance(Frozen):
    """What is noted about the software of each attempt."""

    versions: dict[SafeName, str] = Field(default_factory=dict)
    """Shell text by name, run after the prologue; what it prints is the version."""
    checkouts: dict[SafeName, str] = Field(default_factory=dict)
    """Directories of git repositories, relative to the spec."""
    container: str | None = Field(default=None, min_length=1)
    """Image file, or an OCI reference (``name@sha256:...``)."""
    environment: Texts = ()
    """Patterns of variables' names."""
    same: bool = False
    """Whether a merge of shards that differ in any of this is refused."""

    @field_validator("versions")
    @classmethod
    def _said(cls, versions: dict[str, str]) -> dict[str, str]:
        for name, text in versions.items():
            if not text.strip():
                raise ValueError(f"versions.{name}: there is no command")
        return versions

    @field_validator("environment")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not _PATTERN.fullmatch(pattern):
                raise ValueError(
                    f"'{pattern}' is not a pattern of variables' names: letters, digits, _, * and ?"
                )
            if is_secret(pattern):
                raise ValueError(
                    f"'{pattern}' names secrets, which are written to no file; names with "
                    f"{', '.join(SECRET_WORDS)} are left out"
                )
        return patterns

    def __bool__(self) -> bool:
        """Say whether anything is noted."""
        return bool(self.versions or self.checkouts or self.container or self.environment)


class Bundle(Frozen):
    """Software that is packed once, at the render, and unpacked where the shards run."""

    directory: str = Field(default=".", min_length=1)
    """Relative to the spec; the paths are relative to it, and it is what is unpacked."""
    paths: Texts = (".",)
    """Files, directories and patterns."""
    exclude: Texts = ()
    """Patterns of names, or of paths relative to the directory."""
    cache: str | None = None
    """Directory on the node that its jobs share; None: each attempt unpacks for itself."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.paths:
            raise ValueError("paths: is empty")
        for path in self.paths:
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError(f"'{path}' is not below directory: {self.directory}")
        if self.cache is not None and not self.cache.startswith(("/", "$")):
            raise ValueError("cache: is an absolute directory on the nodes")
        return self
