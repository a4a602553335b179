"""Numbers that stay the text they were written as, and ranges of them without any drift."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from fractions import Fraction
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from manifest.checks import Frozen

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_LONGEST = 40
"""Characters of a number: none of nature's needs more, and arithmetic stays exact and quick."""
MOST_VALUES = 1_000_000
_EXACT = Context(prec=_LONGEST)  # as many digits as a number can have: nothing is rounded


def number_of(text: str) -> Decimal | None:
    """Return the number that a text is, exactly; None: it is another text.

    >>> number_of("0.10"), number_of("muon")
    (Decimal('0.10'), None)
    """
    if len(text) > _LONGEST or not NUMBER.fullmatch(text):
        return None
    return Decimal(text)


def canonical(text: str) -> str:
    """Return one spelling for all that spell the same number; other texts as they are.

    >>> canonical("2.60") == canonical("2.6") == canonical("26e-1"), canonical("muon")
    (True, 'muon')
    """
    number = number_of(text)
    if number is None:
        return text
    return str(number.normalize(_EXACT)) if number else "0"


def _is_number(text: str) -> str:
    if number_of(text) is None:
        raise ValueError(f"'{text}' is not a number")
    return text


Number = Annotated[str, AfterValidator(_is_number)]
"""A number as it was written: a text."""


class Range(Frozen):
    """Numbers from one to another, both included where the step leads there."""

    from_: Number = Field(alias="from")
    to: Number
    step: Number | None = None
    num: int | None = Field(default=None, gt=1, le=MOST_VALUES)
    """How many, evenly spaced, both ends among them."""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if (self.step is None) == (self.num is None):
            raise ValueError("say how far apart: exactly one of step: and num:")
        first, last, step = self._exact()
        if step == 0:
            raise ValueError("the step is 0, so it never gets anywhere")
        if (last - first) / step < 0:
            raise ValueError(f"from {self.from_} by {self.step} leads away from {self.to}")
        if (last - first) // step >= MOST_VALUES:
            raise ValueError(f"these are more than {MOST_VALUES:,} values")
        if _places(step) is None:
            raise ValueError(
                f"{self.num} values from {self.from_} to {self.to} are {step} apart, which no "
                "decimal number is: say step:, or another num: (nothing is rounded here)"
            )
        return self

    def _exact(self) -> tuple[Fraction, Fraction, Fraction]:
        first, last = (Fraction(Decimal(text)) for text in (self.from_, self.to))
        if self.num is not None:
            return first, last, (last - first) / (self.num - 1)
        return first, last, Fraction(Decimal(self.step or "0"))

    def values(self) -> list[str]:
        """Return the numbers, each with as many decimals as the one that is written with most.

        >>> Range.model_validate({"from": "0.2", "to": "0.24", "step": "0.015"}).values()
        ['0.200', '0.215', '0.230']
        """
        first, last, step = self._exact()
        written = [self.from_, self.to, self.step or self.from_]
        places = max(_places(step) or 0, *(_written_places(text) for text in written))
        scale = 10**places
        start, width = int(first * scale), int(step * scale)
        return [_text(start + n * width, places) for n in range((last - first) // step + 1)]


def _places(value: Fraction) -> int | None:
    """Return how many decimals a number has; None: they never end."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def _written_places(text: str) -> int:
    exponent = Decimal(text).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _text(scaled: int, places: int) -> str:
    digits = str(abs(scaled)).rjust(places + 1, "0")
    whole, fraction = (digits[:-places], digits[-places:]) if places else (digits, "")
    return ("-" if scaled < 0 else "") + whole + ("." + fraction if fraction else "")
