"""The software of a run in its plan: the bundle, and what is known of the rest at the render."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson

from manifest.spec import Spec
from renderer.bundle import FOLDER, SUMS, bundle_text, find_members, pack, sums_of
from renderer.provenance import NAME, look_at_checkouts, look_at_image, provenance_text

NONE = {"bundle": "", "provenance": ""}
"""Parts of the payload of a run that asks for neither."""


def write_software(spec: Spec, base: str, write: Callable[[str, bytes], None]) -> dict[str, str]:
    """Write what the plan says about software; return the parts of the payload that need it.

    Args:
        spec: what the user wants.
        base: directory that its paths are relative to.
        write: writes a file of the plan.

    Raises:
        UserError: something named there is not what it should be.
    """
    known: dict[str, Any] = {}
    texts = dict(NONE)
    if spec.bundle is not None:
        members = find_members(spec.bundle, base)
        packed = pack(members)
        digest = sha256(packed).hexdigest()
        write(f"{FOLDER}/{digest[:16]}.tar.gz", packed)
        write(SUMS, sums_of(members))
        known["bundle"] = {
            "sha256": digest,
            "bytes": len(packed),
            "files": sum(member.data is not None for member in members),
        }
        texts["bundle"] = bundle_text(spec.bundle, digest)
    if spec.provenance:
        image = look_at_image(spec.provenance, base)
        known["checkouts"] = look_at_checkouts(spec.provenance, base)
        known["container"] = {"image": image.image, "digest": image.digest} if image else None
        texts["provenance"] = provenance_text(spec.provenance, base, image)
    if known:
        write(NAME, orjson.dumps({"base": base, **known}, option=orjson.OPT_INDENT_2) + b"\n")
    return texts
