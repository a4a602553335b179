"""The points of a grid: counted without visiting them, and made one after the other.

Whether a rule (an exclusion or an override) fits a point is decided axis by axis: each value
carries a bit for each rule that it suits, and a point is fitted by the rules whose bits all of its
values have. So rules are looked at once a value, not once a point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain, groupby, product
from math import prod
from operator import and_
from typing import NamedTuple

from manifest.chunks import Cut, split_count
from manifest.decimals import Range, canonical
from manifest.errors import UserError
from manifest.grid import Exclusion, GridWork, Interval, Override
from manifest.nearest import nearest
from manifest.point_settings import Settings, settings_of
from manifest.resources import Resources


class _Entry(NamedTuple):
    """A place on an axis: the value of one parameter, or those of a zipped group."""

    values: tuple[str, ...]
    keys: tuple[str, ...]
    rules: int
    """Bits of the rules that it suits."""


class Points:
    """The points of a component."""

    def __init__(self, work: GridWork, where: str) -> None:
        """Work out a grid; ``where`` is the place of ``work`` in the spec.

        Raises:
            UserError: a point twice, a rule that fits nothing or everything, contradictions.
        """
        self._work, self._where = work, where
        columns = {name: _values(axis) for name, axis in work.grid.items()}
        self._rules: tuple[Exclusion | Override, ...] = (*work.exclude, *work.overrides)
        suits = self._suits(columns)
        self._parts = self._groups(columns)
        self._axes = [self._axis(group, columns, suits) for group in self._parts]
        self.names = tuple(chain.from_iterable(self._parts))
        self._order = sorted(range(len(self.names)), key=self.names.__getitem__)
        self._excluding = (1 << len(work.exclude)) - 1
        self._settings: dict[int, Settings] = {}
        self.excluded = [0] * len(work.exclude)
        """How many points each exclusion leaves out; the first one that fits counts."""
        self.total = prod(map(len, self._axes))
        """Points with those that are left out."""
        self.points = self.shards = self.count = 0
        self._count()

    def _groups(self, columns: dict[str, list[str]]) -> list[tuple[str, ...]]:
        """Return the parameters of each axis, in the order of their first ones."""
        zipped = {name: tuple(group) for group in self._work.zip for name in group}
        for position, group in enumerate(self._work.zip):
            for name in group:
                self._known(name, columns, f"zip[{position}]")
            lengths = {name: len(columns[name]) for name in group}
            if len(set(lengths.values())) > 1:
                raise self._error(
                    f"zip[{position}]",
                    "what goes together has to be equally long, and here are "
                    + ", ".join(f"{count} of {name}" for name, count in lengths.items()),
                )
        if len(zipped) < sum(map(len, self._work.zip)):
            names = Counter(chain.from_iterable(self._work.zip))
            raise self._error("zip", f"'{max(names, key=names.__getitem__)}' is there twice")
        return list(dict.fromkeys(zipped.get(name, (name,)) for name in columns))

    def _axis(
        self,
        group: tuple[str, ...],
        columns: dict[str, list[str]],
        suits: dict[str, list[int]],
    ) -> list[_Entry]:
        found: dict[tuple[str, ...], tuple[str, ...]] = {}
        entries = []
        rows = zip(*(columns[name] for name in group), strict=True)
        rules = zip(*(suits[name] for name in group), strict=True)
        for values, bits in zip(rows, rules, strict=True):
            keys = tuple(map(canonical, values))
            if keys in found:
                raise self._twice(group, found[keys], values)
            found[keys] = values
            entries.append(_Entry(values, keys, reduce(and_, bits)))
        return entries

    def _twice(
        self, group: tuple[str, ...], first: tuple[str, ...], again: tuple[str, ...]
    ) -> UserError:
        what = f"{_pairs(group, first)} is there twice"
        if first != again:
            what = f"{_pairs(group, again)} is {_pairs(group, first)} again, as a number"
        return self._error(
            f"grid.{group[0]}",
            what,
            "every point is done once; take one of them away (ranges include both ends)",
        )

    def _suits(self, columns: dict[str, list[str]]) -> dict[str, list[int]]:
        """Return, for each value of each parameter, the bits of the rules that it suits."""
        bits = {name: [0] * len(values) for name, values in columns.items()}
        for number, rule in enumerate(self._rules):
            for name in rule.when:
                self._known(name, columns, f"{self._place(number)}.when")
            for name, values in columns.items():
                wanted = rule.when.get(name)
                fits = [True] * len(values) if wanted is None else [False] * len(values)
                for one in wanted or ():
                    mine = _fitting(one, values)
                    if not any(mine):
                        raise self._fits_nothing(number, name, one, values)
                    fits = [a or b for a, b in zip(fits, mine, strict=True)]
                for position, fit in enumerate(fits):
                    bits[name][position] |= fit << number
        return bits

    def _fits_nothing(
        self, number: int, name: str, wanted: str | Interval, values: list[str]
    ) -> UserError:
        if isinstance(wanted, Interval):
            return self._error(self._place(number), f"no point has {name} {wanted.shown()}")
        guess = nearest(wanted, values)
        more = f"; did you mean '{guess}'?" if guess else ""
        return self._error(self._place(number), f"no point has {name}={wanted}{more}")

    def _count(self) -> None:
        """Count points by what fits them; without visiting any."""
        kinds = [_kinds(axis) for axis in self._axes]
        left = set(range(len(self._rules)))
        for combination in product(*kinds):
            rules = reduce(and_, (rules for rules, _, _ in combination))
            number = prod(count for _, count, _ in combination)
            left -= {rule for rule in left if rules >> rule & 1}
            out = rules & self._excluding
            if out:
                self.excluded[(out & -out).bit_length() - 1] += number
                continue
            example = tuple(chain.from_iterable(entry.values for _, _, entry in combination))
            settings = self._given(rules, example)
            self.points += number
            self.shards += number * settings.shards
            self.count += number * settings.units
        if left:
            raise self._error(
                self._place(min(left)),
                "no point fits it: the values are there, but not together (zip)",
            )
        if not self.points:
            raise self._error(
                "exclude", f"all {self.total} points are excluded, so there is nothing to do"
            )

    def _given(self, rules: int, example: tuple[str, ...]) -> Settings:
        """Return what the overrides that fit make of a point."""
        if rules not in self._settings:
            bits = rules >> len(self._work.exclude)
            fitting = (
                (number, rule)
                for number, rule in enumerate(self._work.overrides)
                if bits >> number & 1
            )
            try:
                self._settings[rules] = settings_of(self._work, fitting)
            except ValueError as error:
                raise self._error(
                    "overrides" if self._work.overrides else "shards_per_point",
                    f"{_pairs(self.names, example)}: {error}",
                ) from error
        return self._settings[rules]

    def _each(self) -> Iterator[tuple[tuple[_Entry, ...], Settings]]:
        """Yield the points that are not excluded, the last axis first."""
        for entries in product(*self._axes):
            rules = reduce(and_, [entry.rules for entry in entries])
            if not rules & self._excluding:
                yield entries, self._settings[rules]

    def cuts(self) -> Iterator[Cut]:
        """Yield the shards' work in order: point by point."""
        start, order = 0, self._order
        for entries, settings in self._each():
            values = tuple([value for entry in entries for value in entry.values])
            keys = [key for entry in entries for key in entry.keys]
            key = "\0".join([f"{self.names[place]}={keys[place]}" for place in order])
            for number, (first, size) in enumerate(split_count(settings.units, settings.shards)):
                yield Cut(start + first, size, point=values, key=f"{key}\0{number}")
            start += settings.units

    def needs(self) -> Iterator[tuple[Resources | None, int]]:
        """Yield what consecutive shards need otherwise, and how many they are."""
        if not any(rule.resources for rule in self._work.overrides):
            yield None, self.shards
            return
        for resources, group in groupby(
            (settings for _, settings in self._each()), key=lambda settings: settings.resources
        ):
            yield resources, sum(settings.shards for settings in group)

    def shape(self) -> Iterator[tuple[str, int]]:
        """Yield of each axis the parameters on it, and how many places it has."""
        for group, axis in zip(self._parts, self._axes, strict=True):
            yield "+".join(group), len(axis)

    def exclusions(self) -> Iterator[tuple[int, str, str]]:
        """Yield of each exclusion how many points it leaves out, which, and why."""
        for rule, number in zip(self._work.exclude, self.excluded, strict=True):
            yield number, condition(rule), rule.reason

    def _place(self, rule: int) -> str:
        first = len(self._work.exclude)
        return f"exclude[{rule}]" if rule < first else f"overrides[{rule - first}]"

    def _known(self, name: str, columns: dict[str, list[str]], place: str) -> None:
        if name not in columns:
            guess = nearest(name, columns)
            raise self._error(
                place,
                f"there is no parameter '{name}'" + (f"; did you mean '{guess}'?" if guess else ""),
                f"known are {', '.join(columns)}",
            )

    def _error(self, place: str, what: str, hint: str | None = None) -> UserError:
        return UserError(what, where=f"{self._where}.{place}", hint=hint)


def told(point: Mapping[str, str]) -> str:
    """Return a point as messages show it.

    >>> told({"mass": "2.6", "flavour": "muon"})
    'mass=2.6 flavour=muon'
    """
    return " ".join(f"{name}={value}" for name, value in point.items())


def _pairs(names: Sequence[str], values: Sequence[str]) -> str:
    return told(dict(zip(names, values, strict=True)))


def condition(rule: Exclusion | Override) -> str:
    """Return which points a rule is about."""
    return ", ".join(
        f"{name} {' or '.join(map(_shown, wanted))}" for name, wanted in rule.when.items()
    )


def _shown(wanted: str | Interval) -> str:
    return wanted if isinstance(wanted, str) else wanted.shown()


def _values(axis: Sequence[str | Range]) -> list[str]:
    parts = ([one] if isinstance(one, str) else one.values() for one in axis)
    return list(chain.from_iterable(parts))


def _fitting(wanted: str | Interval, values: list[str]) -> list[bool]:
    if isinstance(wanted, Interval):
        return list(map(wanted.takes, values))
    key = canonical(wanted)
    return [value == wanted or canonical(value) == key for value in values]


def _kinds(axis: list[_Entry]) -> list[tuple[int, int, _Entry]]:
    """Return (rules, number of entries that they suit, one of these) of an axis."""
    counts = Counter(entry.rules for entry in axis)
    examples = {entry.rules: entry for entry in reversed(axis)}
    return [(rules, count, examples[rules]) for rules, count in counts.items()]
