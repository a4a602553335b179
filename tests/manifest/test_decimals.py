"""Ranges of numbers are those of decimal arithmetic, and texts stay what they are."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.decimals import Range, canonical, number_of
from manifest.point_text import read, spelled

PLAIN = st.decimals(
    min_value=-(10**6), max_value=10**6, places=4, allow_nan=False, allow_infinity=False
).map(str)
WRITTEN = st.from_regex(r"[+-]?[0-9]{1,4}(\.[0-9]{0,4})?(e[+-]?[0-9]{1,2})?", fullmatch=True)


def values(first: str, last: str, **how: str) -> list[str]:
    return Range.model_validate({"from": first, "to": last, **how}).values()


@given(
    first=PLAIN,
    number=st.integers(0, 300),
    step=st.integers(-99_999, 99_999).filter(bool),
    places=st.integers(0, 6),
    beyond=st.integers(0, 99),
)
def test_a_range_does_not_drift(
    first: str, number: int, step: int, places: int, beyond: int
) -> None:
    with localcontext(prec=60):
        width = Decimal(step).scaleb(-places)
        last = Decimal(first) + width * number + width * beyond / 100
        found = values(first, str(last), step=str(width))
        assert list(map(Decimal, found)) == [Decimal(first) + width * i for i in range(number + 1)]
    assert len({len(text.partition(".")[2]) for text in found}) == 1
    assert "e" not in "".join(found).lower()


def test_what_floating_point_makes_of_it_is_not_there() -> None:
    assert values("0.2", "1.0", step="0.015")[:3] == ["0.200", "0.215", "0.230"]
    assert values("0.1", "0.3", step="0.1") == ["0.1", "0.2", "0.3"]
    assert values("1", "-1", step="-1") == ["1", "0", "-1"]
    assert values("-0.5", "0.5", step="0.25") == ["-0.50", "-0.25", "0.00", "0.25", "0.50"]
    assert values("0", "1", num="5") == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    assert values("1e2", "3e2", step="1e2") == ["100", "200", "300"]


@given(first=PLAIN, last=PLAIN, number=st.integers(2, 65))
def test_evenly_spaced_numbers_end_where_they_should_or_are_refused(
    first: str, last: str, number: int
) -> None:
    try:
        found = list(map(Decimal, values(first, last, num=str(number))))
    except ValidationError as error:
        assert first == last or "no decimal number" in str(error)  # noqa: PT017 (both are right)
        return
    assert (len(found), found[0], found[-1]) == (number, Decimal(first), Decimal(last))
    assert len({two - one for one, two in pairwise(found)}) == 1


@pytest.mark.parametrize(
    ("first", "last", "how", "told"),
    [
        ("1", "2", {"step": "0"}, "never gets anywhere"),
        ("1", "2", {"num": "4"}, "1/3 apart, which no decimal number is"),
        ("1", "1", {"num": "2"}, "never gets anywhere"),
        ("1", "2", {"step": "-0.5"}, "from 1 by -0.5 leads away from 2"),
        ("2", "1", {"step": "0.5"}, "leads away"),
        ("nan", "1", {"step": "0.5"}, "'nan' is not a number"),
        ("0", "inf", {"step": "0.5"}, "'inf' is not a number"),
        ("0", "1", {"step": "1e-999999999"}, "is not a number"),
        ("0", "1", {"step": "1e-30"}, "more than 1,000,000 values"),
        ("0", "1", {"num": "9" * 50}, "1000000"),
        ("0", "1", {}, "exactly one of step: and num:"),
        ("0", "1", {"step": "0.5", "num": "3"}, "exactly one of step: and num:"),
    ],
)
def test_a_range_that_leads_nowhere_is_refused(
    first: str, last: str, how: dict[str, str], told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        values(first, last, **how)
    assert told in str(caught.value)


@given(text=WRITTEN)
def test_a_number_in_a_name_reads_back_to_the_digit(text: str) -> None:
    assert read(spelled(text)) == text
    assert not set(spelled(text)) & set(".-")


@given(one=WRITTEN, two=WRITTEN)
def test_one_number_has_one_spelling(one: str, two: str) -> None:
    first, second = number_of(one), number_of(two)
    assert first is not None
    assert second is not None
    assert (canonical(one) == canonical(two)) == (first == second)
    assert number_of(canonical(one)) == first
