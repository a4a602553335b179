"""The timing of a run for people: as text for a terminal, and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from reports.amounts import bytes_with_error, short_bytes, short_time, time_with_error
from reports.estimate import Estimate, Model
from reports.timing import OUTPUT, LeftOut, Quantity, Timing

_HEAD = ("", "number", "mean", "median", "min", "max", "sd", "IQR")
_NAMED = 3
"""Names shown of jobs that are left out for one reason."""


def timing_text(found: Timing, guess: Estimate | None, width: int) -> list[str]:
    """Return the lines for a terminal; none is wider than ``width`` where names allow it."""
    lines = [headline(found)]
    if found.quantities:
        lines += ["", *_columns([_HEAD, *map(_cells, found.quantities)])]
    facts = list(_facts(found))
    if facts:
        lines += ["", *(line for fact in facts for line in _wrapped(fact, width))]
    if found.left_out:
        lines += ["", "not counted:"]
        for group in found.left_out:
            text = f"{len(group.names):>8,}  {_reason(group)}"
            lines += _wrapped(text, width, " " * 10)
    if guess is not None:
        lines += ["", *(line for fact in _guess(guess) for line in _wrapped(fact, width))]
    return lines


def timing_markdown(found: Timing, guess: Estimate | None, title: str) -> str:
    """Return a page."""
    lines = [f"# Timing of {title}", "", f"{headline(found)}."]
    if found.quantities:
        head = ("quantity", *_HEAD[1:])
        lines += ["", _row(head), _row(["---", *["---:"] * (len(head) - 1)])]
        lines += [_row(_cells(one)) for one in found.quantities]
        lines += ["", "sd: standard deviation; IQR: distance between the quartiles."]
    facts = list(_facts(found))
    if facts:
        lines += ["", *(f"- {fact}" for fact in facts)]
    if found.left_out:
        lines += ["", "## Not counted", "", _row(("jobs", "why", "such as"))]
        lines.append(_row(("---:", "---", "---")))
        lines += [
            _row((f"{len(group.names):,}", group.text(), _such_as(group)))
            for group in found.left_out
        ]
    if guess is not None:
        first, *rest = _guess(guess)
        lines += ["", "## Estimate", "", f"{first}", "", *(f"- {fact}" for fact in rest)]
    return "\n".join(lines) + "\n"


def headline(found: Timing) -> str:
    """Return how many jobs count.

    >>> from reports.timing import timing
    >>> headline(timing([]))
    '0 of 0 jobs counted'
    """
    return f"{found.counted:,} of {len(found.jobs):,} jobs counted"


def _cells(one: Quantity) -> list[str]:
    if one.spread is None:
        return [one.name, "0", *["-"] * (len(_HEAD) - 2)]
    show = short_bytes if one.name == OUTPUT else short_time
    of = one.spread
    values = (of.mean, of.median, of.low, of.high, of.deviation, of.quartiles)
    return [one.name, f"{of.number:,}", *map(show, values)]


def _facts(found: Timing) -> Iterator[str]:
    if found.recorded:
        yield "total is the wall time that the jobs recorded: no log has START and END"
    for one in found.quantities:
        if one.rate is not None:
            show = bytes_with_error if one.name == OUTPUT else time_with_error
            yield f"{one.name} per event: {show(one.rate.value, one.rate.error)}"
    if found.concurrency is not None:
        yield (
            f"at once: {found.concurrency.peak:,} of them at most, "
            f"{found.concurrency.mean:,.1f} on average"
        )
    if found.again:
        names = _some(found.again)
        yield f"started more than once, and the last START counts: {len(found.again):,} ({names})"


def _guess(guess: Estimate) -> Iterator[str]:
    yield (
        f"{guess.events:,} events on {guess.slots:,} slots: {_count(guess.jobs, 'job')} of "
        f"{guess.job_events:,} events, {_count(guess.rounds, 'round')}:"
    )
    yield f"time: {time_with_error(guess.seconds.value, guess.seconds.error)}"
    yield f"slots times time: {time_with_error(guess.slot_seconds.value, guess.slot_seconds.error)}"
    if guess.output is None:
        yield "disk: not known, for no outputs are"
    else:
        yield f"disk: {bytes_with_error(guess.output.value, guess.output.error)}"
    yield f"from {_count(guess.time_model.number, 'counted job')}: {_model(guess.time_model)}"
    if guess.seconds.error is None:
        yield "one job says nothing about the error"
    else:
        yield "± is one standard error: of the means, and of how jobs scatter around them"


def _model(made: Model) -> str:
    each = f"{time_with_error(made.per_event, None)} an event"
    if made.fixed:
        return f"{time_with_error(made.fixed, None)} a job and {each}"
    return f"{each}; no fixed time a job could be told from that"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _reason(group: LeftOut) -> str:
    return f"{group.text()}: {_such_as(group)}"


def _such_as(group: LeftOut) -> str:
    return _some(group.names)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if at else text.ljust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _wrapped(text: str, width: int, indent: str = "    ") -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
