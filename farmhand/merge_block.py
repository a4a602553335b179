"""Which ``merge:`` block counts: that of the run's plan, or that of a spec given afterwards."""

from __future__ import annotations

from pydantic import ValidationError

from farmhand.spec_source import read_source
from manifest.checks import MergeSpec
from manifest.errors import UserError
from manifest.spec import Spec


def merge_block(spec: Spec, path: str | None, kind: str | None) -> MergeSpec:
    """Return how a run is merged.

    The plan of a run never changes, but how to merge is often known only when outputs are there.

    Args:
        spec: that of the run.
        path: a spec whose ``merge:`` block counts instead.
        kind: what ``--kind`` says, which may not contradict.

    Raises:
        UserError: there is no such block, or it does not suit the run.
    """
    merge = spec.merge if path is None else _of_other(spec, path)
    if merge is None:
        raise UserError(
            "the spec has no merge: block, so farmhand cannot know what to merge",
            where=path,
            hint="write one into a spec and name it with --spec FILE, or merge files with: "
            "farmhand merge --kind KIND --input FILE --input FILE ...",
        )
    if kind is not None and kind != merge.kind:
        wanted = f"merge.kind {merge.kind}" if merge.kind else "merge.rules"
        raise UserError(f"--kind {kind} contradicts the spec's {wanted}")
    return merge


def _of_other(spec: Spec, path: str) -> MergeSpec | None:
    merge = read_source(path, (), (), {}).spec.merge
    whole = spec.model_copy(update={"merge": merge})
    try:
        Spec.model_validate(whole.model_dump(mode="json", by_alias=True, exclude_unset=True))
    except ValidationError as error:
        raise UserError(
            f"this merge: block does not suit the run: {error.errors()[0]['msg']}",
            where=path,
            hint="the outputs and components are those of the run; only merge: is taken from here",
        ) from error
    return merge
