"""Which software a run was rendered with, and how the payload finds out what it runs with."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import Any

from manifest.errors import UserError
from manifest.software import SECRET_WORDS, Provenance
from renderer.shell_words import sh
from renderer.templating import template
from runners.checkout import NOTHING, look_at_checkout

NAME = "provenance.json"
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
_REFERENCE = re.compile(r"[a-z-]+://|@sha256:")


@dataclass(frozen=True, slots=True)
class Image:
    """A container image as the render sees it; None: not known."""

    image: str
    digest: str | None = None
    stamp: str | None = None
    """Bytes and time of an image file: hashing gigabytes for each shard would cost too much."""


def look_at_checkouts(asked: Provenance, base: str) -> dict[str, dict[str, Any]]:
    """Return the checkouts by name, as they are now.

    Raises:
        UserError: one is not a git repository.
    """
    text = template("checkout.sh.j2").render()
    found: dict[str, dict[str, Any]] = {}
    for name, path in asked.checkouts.items():
        folder = os.path.normpath(os.path.join(base, path))
        looked = look_at_checkout(text, folder)
        known = looked.known()
        if known is None:
            raise UserError(
                f"no commit can be told: {looked.problem}", where=f"provenance.checkouts.{name}"
            )
        found[name] = {"path": folder, **known, "untracked": looked.untracked}
    return found


def look_at_image(asked: Provenance, base: str) -> Image | None:
    """Return the container, with its digest as far as it can be known.

    Raises:
        UserError: there is no such file.
    """
    text = asked.container
    if text is None:
        return None
    if _REFERENCE.search(text):
        digest = _DIGEST.search(text)
        return Image(text, digest.group(1) if digest else None)
    path = os.path.normpath(os.path.join(base, text))
    if os.path.isdir(path):  # unpacked: no digest of its own
        return Image(path)
    try:
        with open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            digest_hex = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"the image cannot be read: {error.strerror}",
            where=f"provenance.container: {path}",
            hint="name a file, or a reference such as docker://HOST/NAME@sha256:...",
        ) from None
    return Image(path, f"sha256:{digest_hex}", f"{status.st_size} {int(status.st_mtime)}")


def provenance_text(asked: Provenance, base: str, image: Image | None) -> str:
    """Return the part of the payload that notes what an attempt runs with."""
    return template("provenance.sh.j2").render(
        versions=[(sh(name), sh(text)) for name, text in asked.versions.items()],
        checkouts=[
            (sh(name), sh(os.path.normpath(os.path.join(base, path))))
            for name, path in asked.checkouts.items()
        ],
        checkout_function=template("checkout.sh.j2").render(),
        nothing=NOTHING,
        image=sh(image.image) if image else "''",
        image_stamp=image.stamp if image else None,
        image_digest=image.digest if image else None,
        patterns=asked.environment,
        secrets=[f"*{word}*" for word in SECRET_WORDS],
    )
