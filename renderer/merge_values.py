"""Values of shards that a merge will ask for: said at the render, not after the last job."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.checks import MergeSettings, MergeSpec
from renderer.words import Names, Runtime, refuse_unknown

_SPACES = ("params", "point")


def refuse_unknown_values(merge: MergeSpec | None, names: Names) -> None:
    """Refuse ``params.NAME`` and ``point.NAME`` that some shard will not have.

    Raises:
        UserError: the first such name.
    """
    if merge is None:
        return
    for where, settings in _settings(merge):
        if settings.kind != "csv":
            continue
        texts = [(text, "group_by") for text in settings.group_by]
        texts += [(text, "key") for text in settings.key]
        for text, key in [*texts, (settings.source, "source")]:
            space, dot, name = text.partition(".")
            if dot and space in _SPACES:
                refuse_unknown(Runtime(space, name), f"{where}.{key}", names)


def _settings(merge: MergeSpec) -> Iterator[tuple[str, MergeSettings]]:
    if merge.kind is not None:
        yield "merge", merge.settings()
    for number, rule in enumerate(merge.rules):
        yield f"merge.rules[{number}]", rule
