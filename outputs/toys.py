"""Results of ``nextstat unbinned-fit-toys``: one document, as if one run had made it.

Arrays are concatenated in the order of the toys, so they equal an unsharded run's number for
number. Counts are added; summary and guardrails are made anew on the pooled sample
(``outputs.toys_summary``). A ``merge`` block says where everything came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from manifest.errors import Refusal
from outputs import toys_summary
from outputs.job import MergeReport, missing_rows
from outputs.read_back import check_result, unequal
from outputs.sidecar import source_row
from outputs.staged import StagedFile
from outputs.toys_document import PER_TOY, Toys, read_toys
from outputs.toys_study import Place, Study, join_unplanned, place, refuse_shared_seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outputs.facts import Source
    from outputs.job import MergeJob

SCHEMA = "farmhand.merge.toys.v1"
_MADE_ANEW = {"gen", "shard", "results", "summary", "guardrails", "merge"}


@dataclass(slots=True)
class _Pool:
    """The pooled study; of each document only its arrays and a few numbers are kept."""

    study: Study = field(default_factory=Study)
    places: list[Place] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_ok: int = 0
    """Toys in the shards' own summaries."""

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

    def add(self, toys: Toys) -> None:
        """Pool one document."""
        self.study.agree(toys)
        self.places.append(place(toys))
        results = toys.document["results"]
        if not self.results:
            self.results = {
                name: list(value) if _per_toy(name, value, toys.n_toys) else value
                for name, value in results.items()
            }
        else:
            for name, value in results.items():
                self._add_one(name, value, toys)
        self._add_summary(toys.document.get("summary"))

    def _add_one(self, name: str, value: object, toys: Toys) -> None:
        pooled = self.results[name]
        if _per_toy(name, value, toys.n_toys) and isinstance(value, list):
            pooled.extend(value)
        elif name.startswith("n_") and isinstance(value, int) and isinstance(pooled, int):
            self.results[name] = pooled + value
        elif value != pooled and name != "poi_true":
            self.results[name] = None
            self.note(f"results.{name} differs from shard to shard and cannot be merged: null")

    def _add_summary(self, summary: object) -> None:
        if not isinstance(summary, dict):
            return
        self.n_ok += summary.get("n_ok") or 0
        if isinstance(summary.get("pulls_by_param"), dict):
            self.pulls.append(summary["pulls_by_param"])
        if "mean_ci" in summary:
            self.note(
                "summary.mean_ci is null: a bootstrap over the pooled toys needs nextstat's own "
                "random numbers"
            )
        for name in sorted(summary.keys() - toys_summary.KNOWN):
            self.note(f"summary.{name} is left out: its rule is not known")


def _per_toy(name: str, value: object, n_toys: int) -> bool:
    """Whether a value of ``results`` has one entry a toy: the four known, and any like them."""
    return name in PER_TOY or (isinstance(value, list) and len(value) == n_toys > 0)


def merge(job: MergeJob) -> MergeReport:
    """Merge the sources.

    Raises:
        Refusal: the documents are not the planned ones, do not make one study, or are damaged.
        UserError: the result cannot be written.
    """
    _refuse_components(job.sources)
    pool = _Pool()
    for source in _in_toy_order(job):
        pool.add(read_toys(source))
    planned = job.sources[0].facts.planned
    absent: list[int] = []
    if not planned:
        absent = join_unplanned(pool.places, allow_partial=job.allow_partial)
    refuse_shared_seeds(pool.places)
    if pool.study.rounded:
        shown = ", ".join(source.label for source in pool.study.rounded[:5])
        pool.note(f"the generation point differs in its last digits in {shown}")
    document = _document(job, pool, absent)
    with StagedFile(job.target) as result:
        option = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS  # as nextstat writes its results
        result.write(orjson.dumps(document, option=option) + b"\n")
        _read_back(job, result.finish(), document)
        result.publish()
    return _report(job, pool, document, absent)


def _refuse_components(sources: Sequence[Source]) -> None:
    names = sorted({source.facts.component or "" for source in sources})
    if len(names) > 1:
        raise Refusal(
            f"not merged: toys of {len(names)} components ({', '.join(names[:5])}) are "
            "different studies",
            hint="merge one component at a time",
        )


def _in_toy_order(job: MergeJob) -> Sequence[Source]:
    """Return sources in the order of their toys; files without a plan are read once for it."""
    if job.sources[0].facts.planned:
        return job.sources
    places = [place(read_toys(source)) for source in job.sources]
    places.sort(key=lambda here: (here.start, here.seed))
    return [here.source for here in places]


def _document(job: MergeJob, pool: _Pool, absent: list[int]) -> dict[str, Any]:
    first = pool.study.first
    if first is None:
        raise Refusal("not merged: no toys", where=job.target)
    document = {name: value for name, value in first.document.items() if name not in _MADE_ANEW}
    results = pool.results
    document["gen"] = first.document["gen"] | _gen(pool, first)
    document["shard"] = None
    document["results"] = results
    document["summary"] = _summary(pool, first, results)
    if isinstance(first.document.get("guardrails"), dict):
        document["guardrails"] = toys_summary.guard(first.document["guardrails"], results)
    document["merge"] = {
        "schema": SCHEMA,
        "created_at_utc": job.created_at_utc,
        "run": dict(job.run),
        "complete": not (job.missing or absent),
        "n_shards": len(job.sources),
        "sources": [_source_row(here, pool.places[0].seed) for here in pool.places],
        "missing": missing_rows(job.missing) or [{"shard_index": index} for index in absent],
        "notes": pool.notes,
    }
    return document


def _gen(pool: _Pool, first: Toys) -> dict[str, int]:
    """Return seed and number of toys of the whole study."""
    facts = first.source.facts
    if first.block is not None:
        return {"seed": first.seed, "n_toys": first.total}
    if not facts.planned:
        return {"seed": first.seed, "n_toys": pool.results["n_toys"]}
    contiguous = all(
        here.seed - here.source.facts.start == first.seed - facts.start for here in pool.places
    )
    if not contiguous:
        pool.note("gen.seed is the run's: the shards drew from independent streams")
    base = facts.base_seed
    if base is None:
        base = first.seed - facts.start if contiguous else first.seed
    return {"seed": base, "n_toys": facts.count}


def _summary(pool: _Pool, first: Toys, results: dict[str, Any]) -> dict[str, Any] | None:
    by_param = None
    if pool.pulls:
        exact = toys_summary.pulls(results)
        try:
            by_param = toys_summary.pool_pulls(pool.pulls, first.document["poi_index"], exact)
        except (KeyError, IndexError, TypeError) as error:
            pool.note(
                f"summary.pulls_by_param is null: a shard's block is not as expected ({error})"
            )
    summary = toys_summary.summarise(results, by_param)
    if (summary["n_ok"] if summary else 0) != pool.n_ok:
        pool.note(
            f"the shards' own summaries count {pool.n_ok} toys: their version has other rules"
        )
    if summary is not None and any("mean_ci" in note for note in pool.notes):
        summary["mean_ci"] = None
    return summary


def _source_row(here: Place, first_seed: int) -> dict[str, Any]:
    facts = here.source.facts
    row = source_row(here.source) | {"n_toys": here.n_toys, "seed": here.seed}
    if facts.planned:
        return row | {"start": facts.start}
    if here.is_block:
        return row | {"start": here.start, "shard_index": here.index}
    return row | {"start": here.seed - first_seed}


def _read_back(job: MergeJob, path: str, document: dict[str, Any]) -> None:
    with open(path, "rb") as file:
        found = orjson.loads(file.read())
    n_toys = document["results"]["n_toys"]
    for name in PER_TOY:
        if found["results"][name] != document["results"][name]:
            raise unequal(f"values of {name}", n_toys, len(found["results"][name]))
        if len(found["results"][name]) != n_toys:
            raise unequal(f"values of {name}", n_toys, len(found["results"][name]))
    check_result(job, path, n_toys)


def _report(job: MergeJob, pool: _Pool, document: dict[str, Any], absent: list[int]) -> MergeReport:
    results, summary = document["results"], document["summary"]
    guardrails = document.get("guardrails") or {"passed": True, "failures": []}
    n_toys = results["n_toys"]
    table = [("toys", f"{n_toys:,}")]
    if job.missing or absent:
        table.append(("missing", f"{len(job.missing) or len(absent)} shards"))
    table.append(("converged", f"{results.get('n_converged', 0):,}"))
    table.append(("errors", f"{results.get('n_error', 0):,}"))
    poi = document["parameter_names"][document["poi_index"]]
    table.append((f"true {poi}", f"{results['poi_true']:.6g}"))
    if summary:
        table.append((f"mean {poi}", f"{summary['mean']:.6g}"))
        table.append((f"std {poi}", f"{summary['std']:.6g}"))
        quantiles = " ".join(f"{summary[name]:.6g}" for name in ("q16", "q50", "q84"))
        table.append(("16/50/84 %", quantiles))
        if summary["pull"]:
            pull = summary["pull"]
            table.append(("pull", f"mean {pull['mean']:.4g}, std {pull['std']:.4g}"))
    failures = [f"guardrail on the pooled sample: {text}" for text in guardrails["failures"]]
    return MergeReport(
        kind="toys",
        targets=(job.target,),
        shards=len(job.sources),
        rows=n_toys,
        table=table,
        warnings=(*failures, *pool.notes),
        passed=bool(guardrails["passed"]),
    )
