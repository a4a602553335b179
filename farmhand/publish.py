"""``publish:`` shows accepted outputs under RUN/outputs, as relative links."""

from __future__ import annotations

import contextlib
import os

from farmhand.gather import Gathered
from manifest.layout import block_of, is_nested
from manifest.rows import head_of, parse_row


def publish(gathered: Gathered) -> None:
    """Link what is accepted and not linked yet; a link that points elsewhere is replaced."""
    spec = gathered.facts.spec
    wanted = {name: out.publish for name, out in spec.outputs.items() if out.publish}
    if not wanted:
        return
    manifest = gathered.manifest
    for index, data in enumerate(manifest.results):
        if head_of(data, manifest.path)[0] != "succeeded":
            continue
        row = parse_row(data, manifest.path)
        accepted = set(row["accepted_attempts"])
        for attempt in row["attempts"]:
            if attempt["attempt"] not in accepted:
                continue
            for output in attempt["outputs"] or []:
                folder = wanted.get(output["name"])
                if folder and output["path"]:
                    suffix = os.path.splitext(output["path"])[1]
                    parts = ["outputs", folder]
                    if is_nested(manifest.header.shards):
                        parts.append(str(block_of(index)))
                    _link(gathered.facts.run, output["path"], [*parts, row["name"] + suffix])


def _link(run: str, path: str, place: list[str]) -> None:
    link = os.path.join(run, *place)
    target = os.path.join(*[".."] * (len(place) - 1), path)
    with contextlib.suppress(OSError):
        if os.readlink(link) == target:
            return
    os.makedirs(os.path.dirname(link), exist_ok=True)
    temporary = f"{link}.{os.getpid()}.tmp"
    os.symlink(target, temporary)
    os.replace(temporary, link)
