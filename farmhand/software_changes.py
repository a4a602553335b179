"""Software that is no longer what the render saw: said, since a run keeps what was packed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from collectors.provenance import in_words
from collectors.run_facts import read_facts
from farmhand.talk import some
from manifest.errors import UserError
from manifest.software import Bundle, Provenance
from renderer.bundle import SUMS, find_members, sums_of
from renderer.provenance import NAME, look_at_checkouts, look_at_image


def planned_software(run: str) -> dict[str, Any] | None:
    """Return what the render noted of the software; None: it was asked for nothing.

    Raises:
        UserError: it cannot be read.
    """
    path = os.path.join(run, "plan", NAME)
    try:
        with open(path, "rb") as stream:
            found: dict[str, Any] = orjson.loads(stream.read())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise UserError(
            f"what the render noted of the software cannot be read: {error}",
            where=path,
            hint="restore plan/ from a copy; its checksums are in plan/SHA256SUMS",
        ) from error
    return found


def software_changes(run: str) -> Iterator[str]:
    """Yield in words what changed since the render, as far as it can be seen from here."""
    planned = planned_software(run)
    if planned is None or not os.path.isdir(planned["base"]):
        return
    spec = read_facts(run).spec
    if spec.bundle is not None:
        yield from _bundle_changes(run, spec.bundle, planned["base"])
    yield from _changes(spec.provenance, planned)


def _bundle_changes(run: str, bundle: Bundle, base: str) -> Iterator[str]:
    try:
        now = _by_name(sums_of(find_members(bundle, base)))
        with open(os.path.join(run, "plan", SUMS), "rb") as stream:
            packed = _by_name(stream.read())
    except (UserError, OSError) as error:
        yield f"the sources of the bundle cannot be compared any more: {error}".split("\n")[0]
        return
    other = sorted(name for name in {**packed, **now} if packed.get(name) != now.get(name))
    if other:
        yield (
            f"the sources of the bundle were changed after the render: {some(other)}; this run "
            "keeps what was packed (a new render packs again)"
        )


def _by_name(sums: bytes) -> dict[str, bytes]:
    return {os.fsdecode(line[66:]): line[:64] for line in sums.splitlines()}


def _changes(asked: Provenance, planned: Mapping[str, Any]) -> Iterator[str]:
    for name, before in (planned.get("checkouts") or {}).items():
        path = asked.checkouts.get(name, "")
        try:
            now = look_at_checkouts(Provenance(checkouts={name: path}), planned["base"])[name]
        except UserError as error:
            yield f"the checkout {name} cannot be compared: {error.what}"
            continue
        if any(now[key] != before[key] for key in ("commit", "branch", "diff")):
            yield (
                f"the checkout {name} was changed after the render: it was at {in_words(before)}, "
                f"and is at {in_words(now)}"
            )
    before = planned.get("container") or {}
    if before.get("digest") is not None:
        try:
            image = look_at_image(asked, planned["base"])
        except UserError as error:
            yield f"the container cannot be compared: {error.what}"
            return
        if image is not None and image.digest != before["digest"]:
            yield f"the container {before['image']} is another file than at the render"
