from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.slurm_states import BASE, IMPLIED, LIVING, parse_state, read_outcome

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize("state", sorted(BASE))
def test_base_states_stand_for_themselves(state: str) -> None:
    assert parse_state(state) == (state, NONE, None)
    assert parse_state(state.lower()) == (state, NONE, None)
    assert parse_state(f" {state} ") == (state, NONE, None)


@pytest.mark.parametrize(
    ("flag", "base"),
    [
        ("COMPLETING", "RUNNING"),
        ("STAGE_OUT", "RUNNING"),
        ("CONFIGURING", "RUNNING"),
        ("EXPEDITING", "RUNNING"),
        ("POWER_UP_NODE", "RUNNING"),
        ("RESIZING", "RUNNING"),
        ("SIGNALING", "RUNNING"),
        ("STOPPED", "RUNNING"),
        ("UPDATE_DB", "RUNNING"),
        ("REQUEUED", "PENDING"),
        ("REQUEUE_FED", "PENDING"),
        ("REQUEUE_HOLD", "PENDING"),
        ("SPECIAL_EXIT", "PENDING"),
        ("RESV_DEL_HOLD", "PENDING"),
        ("RECONFIG_FAIL", "PENDING"),
        ("REVOKED", "CANCELLED"),
        ("LAUNCH_FAILED", "FAILED"),
    ],
)
def test_a_flag_alone_implies_its_base(flag: str, base: str) -> None:
    assert parse_state(flag) == (base, {flag}, None)
    assert flag in IMPLIED


def test_no_flag_was_forgotten() -> None:
    assert len(IMPLIED) == 17
    assert set(IMPLIED.values()) <= BASE
    assert not set(IMPLIED) & BASE
    assert LIVING < BASE


@pytest.mark.parametrize(
    ("letters", "base", "flags"),
    [
        ("BF", "BOOT_FAIL", ""), ("CA", "CANCELLED", ""), ("CD", "COMPLETED", ""),
        ("DL", "DEADLINE", ""), ("F", "FAILED", ""), ("NF", "NODE_FAIL", ""),
        ("OOM", "OUT_OF_MEMORY", ""), ("PD", "PENDING", ""), ("PR", "PREEMPTED", ""),
        ("R", "RUNNING", ""), ("S", "SUSPENDED", ""), ("TO", "TIMEOUT", ""),
        ("CF", "RUNNING", "CONFIGURING"), ("CG", "RUNNING", "COMPLETING"),
        ("RD", "PENDING", "RESV_DEL_HOLD"), ("RF", "PENDING", "REQUEUE_FED"),
        ("RH", "PENDING", "REQUEUE_HOLD"), ("RQ", "PENDING", "REQUEUED"),
        ("RS", "RUNNING", "RESIZING"), ("RV", "CANCELLED", "REVOKED"),
        ("SI", "RUNNING", "SIGNALING"), ("SE", "PENDING", "SPECIAL_EXIT"),
        ("SO", "RUNNING", "STAGE_OUT"), ("ST", "RUNNING", "STOPPED"),
    ],
)  # fmt: skip
def test_compact_letters(letters: str, base: str, flags: str) -> None:
    assert parse_state(letters) == (base, set(flags.split()), None)


@pytest.mark.parametrize(
    ("text", "base", "flags", "by"),
    [
        ("CANCELLED by 1000", "CANCELLED", "", 1000),
        ("CANCELLED by 0", "CANCELLED", "", 0),
        ("CANCELLED by 4294967294", "CANCELLED", "", 4294967294),
        ("CANCELLED by 99999999999", "CANCELLED", "", None),
        ("CANCELLED by 10+", "CANCELLED", "", None),
        ("CANCELLED b+", "CANCELLED", "", None),
        ("CANCELLED+", "CANCELLED", "", None),
        # print.c of sacct adds "by" to whatever it shows of a job whose base is CANCELLED
        ("COMPLETING by 1000", "CANCELLED", "COMPLETING", 1000),
        ("COMPLETI+ by 1000", "CANCELLED", "COMPLETING", 1000),
        ("OUT_OF_ME+", "OUT_OF_MEMORY", "", None),
        ("COMPLETI+", "RUNNING", "COMPLETING", None),
        ("COMPLETED+", "COMPLETED", "", None),
        ("REQUEUE_H+", "PENDING", "REQUEUE_HOLD", None),
        ("NODE_FA+", "NODE_FAIL", "", None),
        ("COMPLET+", "COMPLET+", "", None),
        ("RUNNING,COMPLETING", "RUNNING", "COMPLETING", None),
        ("FAILED+COMPLETING", "FAILED", "COMPLETING", None),
        ("COMPLETING,FAILED", "FAILED", "COMPLETING", None),
        ('["PENDING","REQUEUED","CONFIGURING"]', "PENDING", "REQUEUED CONFIGURING", None),
        ("PENDING LAUNCH_FAILED REQUEUE_HOLD", "PENDING", "LAUNCH_FAILED REQUEUE_HOLD", None),
        ("CA,CG", "CANCELLED", "COMPLETING", None),
        ("FAILED,COMPLETI+", "FAILED", "COMPLETING", None),
        ("BRAND_NEW,FAILED", "FAILED", "", None),
        ("FAILED,BRAND_NEW", "FAILED", "", None),
        ("BRAND_NEW", "BRAND_NEW", "", None),
        ("", "", "", None),
        (" , ", "", "", None),
        ("?", "?", "", None),
    ],
)
def test_other_spellings(text: str, base: str, flags: str, by: int | None) -> None:
    assert parse_state(text) == (base, set(flags.split()), by)


@given(st.text(max_size=40))
def test_any_text_has_a_state(text: str) -> None:
    state = parse_state(text)
    assert state.base not in IMPLIED
    assert state.base not in state.flags


@given(
    st.sampled_from(sorted(BASE)),
    st.sets(st.sampled_from(sorted(IMPLIED))),
    st.sampled_from([",", "+", " "]),
)
def test_combinations_read_back(base: str, flags: set[str], between: str) -> None:
    assert parse_state(between.join([base, *sorted(flags)])) == (base, flags, None)


def test_a_state_as_long_as_a_book() -> None:
    assert parse_state("a" + " " * 1_000_000 + "b").base == "A"
    assert parse_state("CANCELLED by " * 100_000).base == "CANCELLED"


@pytest.mark.parametrize(
    ("state", "code", "signal", "told"),
    [
        ("COMPLETED", 0, 0, (0, 0, False)),
        ("RUNNING", 0, 0, (None, None, False)),
        ("PENDING", 0, 0, (None, None, False)),
        ("COMPLETING", 0, 0, (None, None, False)),
        ("RUNNING", 0, 125, (0, 125, True)),
        ("FAILED", 0, 125, (0, 125, True)),
        ("OUT_OF_MEMORY", 0, 0, (0, 0, True)),
        ("FAILED", 125, 0, (125, 0, False)),
        ("FAILED", None, None, (None, None, False)),
    ],
)
def test_a_code_is_told_of_what_has_ended(
    state: str, code: int | None, signal: int | None, told: tuple[int | None, int | None, bool]
) -> None:
    outcome = read_outcome(state, code, signal)
    assert (outcome.code, outcome.signal, outcome.oom) == told
