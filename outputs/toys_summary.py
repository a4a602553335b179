"""Summary and guardrails of a pooled toy sample, by the rules of nextstat itself.

Rules, read in NextStat/nextstat.io crates/ns-cli/src/main.rs (cmd_unbinned_fit_toys) and equal,
digit for digit, to what nextstat 0.10.1 writes for an unsharded run:

- the sample: every ``poi_hat`` that is not null, whether its fit converged or not;
- sums run from the first toy to the last in plain doubles; ``std`` divides by n, not n - 1;
- quantile p: the sorted value at index (n - 1) * p rounded to the nearest, halves upwards; no
  interpolation, so q50 of an even sample is the upper one of the two in the middle;
- pull of a toy: (poi_hat - poi_true) / poi_sigma, for converged toys with poi_sigma > 0; nextstat
  computes poi_sigma only when a pull guardrail is asked for, else it writes 0 and pull is null;
- ``frac_abs_lt_1`` and ``_2``: |pull| strictly below 1 and 2.

Pulls of the other parameters are not written toy by toy: their moments are pooled from the shards'
own n, mean and std, which is exact up to rounding in the last digits. ``mean_ci`` is a bootstrap
with nextstat's own random numbers: nobody else can recompute it.
"""

from __future__ import annotations

import functools
import math
import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWN = frozenset({"n_ok", "mean", "std", "q16", "q50", "q84", "pull", "pulls_by_param", "mean_ci"})
"""Keys of ``summary`` that this module knows how to make, ``mean_ci`` as null."""
FRACTIONS = ("frac_abs_lt_1", "frac_abs_lt_2")
_QUANTILES = (("q16", 0.16), ("q50", 0.50), ("q84", 0.84))


def moments(values: Sequence[float]) -> tuple[float, float]:
    """Return (mean, standard deviation over n) of a sample that is not empty.

    >>> moments([1.0, 3.0])
    (2.0, 1.0)
    """
    # Not sum(): since Python 3.12 it compensates rounding, and the last digits would differ.
    mean = functools.reduce(operator.add, values, 0.0) / len(values)
    squares = ((value - mean) * (value - mean) for value in values)
    return mean, math.sqrt(functools.reduce(operator.add, squares, 0.0) / len(values))


def quantile(ordered: Sequence[float], p: float) -> float:
    """Return the nearest-rank quantile of an ascending sample.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    3.0
    """
    return ordered[math.floor((len(ordered) - 1) * p + 0.5)]


def pulls(results: dict[str, Any]) -> list[float]:
    """Return the pulls of the parameter of interest, in the order of the toys."""
    true = results["poi_true"]
    toys = zip(results["converged"], results["poi_hat"], results["poi_sigma"], strict=True)
    return [
        (hat - true) / sigma
        for converged, hat, sigma in toys
        if converged and hat is not None and sigma is not None and 0 < sigma < math.inf
    ]


def summarise(results: dict[str, Any], by_param: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return ``summary`` of a pooled sample, or None when no toy has a ``poi_hat``.

    Args:
        results: the pooled ``results``.
        by_param: the pooled ``pulls_by_param``; None when the shards have none.
    """
    sample = [value for value in results["poi_hat"] if value is not None]
    if not sample:
        return None
    pull_sample = pulls(results)
    pull = None
    if pull_sample:
        pull = _describe(pull_sample) | _fractions(pull_sample)
    summary = _describe(sample) | {"pull": pull}
    if by_param is not None:
        summary["pulls_by_param"] = by_param
    return summary


def _describe(sample: Sequence[float]) -> dict[str, Any]:
    mean, std = moments(sample)
    ordered = sorted(sample)
    quantiles = {name: quantile(ordered, p) for name, p in _QUANTILES}
    return {"n_ok": len(sample), "mean": mean, "std": std} | quantiles


def _fractions(sample: Sequence[float]) -> dict[str, float]:
    return {
        name: sum(abs(value) < limit for value in sample) / len(sample)
        for name, limit in zip(FRACTIONS, (1.0, 2.0), strict=True)
    }


def pool_pulls(parts: Sequence[dict[str, Any]], poi: int, exact: Sequence[float]) -> dict[str, Any]:
    """Pool ``pulls_by_param`` of the shards.

    Args:
        parts: the blocks: arrays n_ok, mean, std, frac_abs_lt_1 and _2 with one value a parameter,
            null where a shard has no pull of it.
        poi: index of the parameter of interest.
        exact: its pulls in the pooled sample, which replace the pooled moments.
    """
    pooled: dict[str, Any] = {"only_converged": parts[0].get("only_converged")}
    columns = [_pool_one(parts, index) for index in range(len(parts[0]["n_ok"]))]
    if exact and columns[poi]["n_ok"] is not None:
        mean, std = moments(exact)
        columns[poi] = {"n_ok": len(exact), "mean": mean, "std": std} | _fractions(exact)
    for name in ("n_ok", "mean", "std", *FRACTIONS):
        pooled[name] = [column[name] for column in columns]
    return pooled


def _pool_one(parts: Sequence[dict[str, Any]], index: int) -> dict[str, Any]:
    """Pool one parameter: the variance is that within the shards plus that of their means."""
    have = [part for part in parts if part["n_ok"][index]]
    n = sum(part["n_ok"][index] for part in have)
    if not n:
        return dict.fromkeys(("n_ok", "mean", "std", *FRACTIONS))
    mean = math.fsum(part["n_ok"][index] * part["mean"][index] for part in have) / n
    variance = (
        math.fsum(
            part["n_ok"][index] * (part["std"][index] ** 2 + (part["mean"][index] - mean) ** 2)
            for part in have
        )
        / n
    )
    pooled = {"n_ok": n, "mean": mean, "std": math.sqrt(variance)}
    for name in FRACTIONS:
        # n * fraction is a count of toys, so that rounding it gives that count back exactly.
        pooled[name] = sum(round(part["n_ok"][index] * part[name][index]) for part in have) / n
    return pooled


def guard(thresholds: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """Return ``guardrails`` with the thresholds applied to the pooled sample.

    Args:
        thresholds: the guardrails of any shard; verdict and means are made anew.
        results: the pooled ``results``.
    """
    sample = pulls(results)
    mean, std = moments(sample) if sample else (None, None)
    failures = []
    if thresholds.get("require_all_converged") and (
        results.get("n_error", 0) or results.get("n_nonconverged", 0)
    ):
        counts = ("n_validation_error", "n_computation_error", "n_nonconverged")
        shown = ", ".join(f"{name}={results.get(name, 0)}" for name in counts)
        failures.append(f"require_all_converged violated ({shown})")
    limit, bounds = thresholds.get("max_abs_poi_pull_mean"), thresholds.get("poi_pull_std_range")
    if limit is not None or bounds is not None:
        failures.extend(_pull_failures(mean, std, limit, bounds))
    made = {"failures": failures, "passed": not failures, "poi_pull_mean": mean}
    return thresholds | made | {"poi_pull_std": std}


def _pull_failures(
    mean: float | None, std: float | None, limit: float | None, bounds: list[float] | None
) -> list[str]:
    """Return what nextstat would say, word for word."""
    if mean is None or std is None:
        return ["POI pull summary is unavailable (no converged toys with finite uncertainties)"]
    failures = []
    if limit is not None and abs(mean) > limit:
        failures.append(f"abs(mean pull(POI)) too large: |{plain(mean)}| > {plain(limit)}")
    if bounds is not None and not bounds[0] <= std <= bounds[1]:
        shown = ", ".join(plain(bound) for bound in bounds)
        failures.append(f"std(pull(POI)) out of range: {plain(std)} not in [{shown}]")
    return failures


def plain(number: float) -> str:
    """Return a number as Rust prints it: the shortest digits, never an exponent.

    >>> plain(1e-20), plain(1.0)
    ('0.00000000000000000001', '1')
    """
    return format(Decimal(repr(number)), "f").removesuffix(".0")
