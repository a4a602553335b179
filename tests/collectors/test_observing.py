"""What a scheduler says meets the records: in any order, at any time, as often as you like."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.observation import Observation, Observed
from collectors.observing import apply_observed, is_final, is_recorded
from collectors.records import Attempt, new_attempt

if TYPE_CHECKING:
    from collectors.observation import Kind

ID = "7_3"
Attempts = dict[str, Attempt]


def said(kind: Kind, started: float | None = None, ended: float | None = None, **more: Any) -> Any:
    more = {"source": "sacct", "native_id": ID, "submission": 1, "state": kind.upper()} | more
    return Observation(kind=kind, started=started, ended=ended, **more)


def waiting(since: float, **more: Any) -> Any:
    return said("pending", source="squeue", submitted=since, **more)


def record(at: float, **more: Any) -> Attempt:
    attempt = new_attempt(f"{more.get('native_id', ID)}.{at:.0f}.a")
    attempt.update(native_id=ID, submission=1, scheduler="slurm", started=at, restarts=0, host="h")
    attempt.update(dir="shards/s0/x", **more)
    return attempt


def answer(*observations: Observation, asked: float = 1000.0, **more: Any) -> Observed:
    fixed: dict[str, Any] = {"queue": "squeue", "schedulers": frozenset(("slurm",))}
    return Observed({0: list(observations)}, asked=asked, **(fixed | more))


def met(*attempts: Attempt) -> Attempts:
    return {attempt["attempt"]: attempt for attempt in attempts}


def told(attempts: Attempts) -> dict[str, str | None]:
    """Attempt -> what is said of it: "recorded at 100" -> "failed"."""
    found = {}
    for name, attempt in attempts.items():
        title = f"{attempt['started']:.0f}" if is_recorded(attempt) else name
        observed = attempt["observed"] or {}
        found[title] = "absent" if "absent" in observed else observed.get("kind")
    return found


def test_an_execution_is_attached_to_the_record_that_followed_its_start() -> None:
    attempts = met(record(100.4))
    apply_observed(attempts, 0, answer(said("failed", 100, 110, code=3)))
    assert told(attempts) == {"100": "failed"}
    observed = attempts[f"{ID}.100.a"]["observed"]
    assert observed == {
        "source": "sacct", "kind": "failed", "state": "FAILED", "code": 3, "started": 100,
        "ended": 110,
    }  # fmt: skip
    assert is_final(attempts[f"{ID}.100.a"])


def test_executions_of_a_requeued_element_go_to_their_own_records() -> None:
    first, second, third = said("node", 100, 110), said("requeued", 130, 140), said("failed", 160)
    attempts = met(record(101), record(131, restarts=1), record(161, restarts=2))
    apply_observed(attempts, 0, answer(third, first, second))
    assert told(attempts) == {"101": "node", "131": "requeued", "161": "failed"}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ((131, 161), {f"unrecorded.{ID}.100": "node", "131": "requeued", "161": "failed"}),
        ((101, 161), {"101": "node", f"unrecorded.{ID}.130": "requeued", "161": "failed"}),
        (
            (101,),
            {"101": "node", f"unrecorded.{ID}.130": "requeued", f"unrecorded.{ID}.160": "failed"},
        ),
        (
            (),
            {
                f"unrecorded.{ID}.100": "node",
                f"unrecorded.{ID}.130": "requeued",
                f"unrecorded.{ID}.160": "failed",
            },
        ),
    ],
)
def test_executions_that_left_no_record_stand_for_themselves(
    recorded: tuple[float, ...], expected: dict[str, str]
) -> None:
    attempts = met(*[record(at) for at in recorded])
    rows = [said("node", 100, 110, node="n2"), said("requeued", 130, 140), said("failed", 160, 170)]
    apply_observed(attempts, 0, answer(*rows))
    assert told(attempts) == expected
    stands = [a for a in attempts.values() if not is_recorded(a)]
    assert all(
        (a["native_id"], a["scheduler"], a["submission"]) == (ID, "slurm", 1) for a in stands
    )


@pytest.mark.parametrize("skew", [-4.5, -1.0, 0.0, 4.0])
def test_clocks_may_differ_by_seconds(skew: float) -> None:
    """SLURM starts a requeued element 11 s after its end at the soonest, usually two minutes."""
    attempts = met(record(100.5 + skew), record(113.5 + skew, restarts=1))
    first, second = said("node", 100, 102), said("failed", 113, 140)
    apply_observed(attempts, 0, answer(first, second))
    ordered = sorted(attempts.values(), key=lambda a: a["started"])
    assert [a["observed"]["kind"] for a in ordered] == ["node", "failed"]


def test_of_executions_close_to_one_another_the_nearest_is_meant() -> None:
    attempts = met(record(100.5), record(105, restarts=1))
    apply_observed(attempts, 0, answer(said("node", 100, 102), said("failed", 104.5, 140)))
    assert told(attempts) == {"100": "node", "105": "failed"}


def test_what_was_given_to_a_wrong_record_goes_to_the_right_one_that_comes_later() -> None:
    """A listing saved without --duplicates tells of the last execution alone."""
    attempts = met(record(101))
    apply_observed(attempts, 0, answer(said("failed", 130, 140), queue=None))
    assert told(attempts) == {"101": "failed"}
    attempts |= met(record(131, restarts=1))
    apply_observed(attempts, 0, answer(said("failed", 130, 140), queue=None))
    assert told(attempts) == {"101": None, "131": "failed"}


def test_a_slow_start_is_still_that_of_its_execution() -> None:
    attempts = met(record(190))
    apply_observed(attempts, 0, answer(said("node", 100, 102), said("completed", 120, 200)))
    assert told(attempts) == {f"unrecorded.{ID}.100": "node", "190": "completed"}


def test_one_execution_and_one_record_belong_together_whatever_the_clocks_say() -> None:
    attempts = met(record(5000))
    apply_observed(attempts, 0, answer(said("failed", 100, 110)))
    assert told(attempts) == {"5000": "failed"}


def test_a_record_of_a_later_start_is_not_that_of_an_earlier_execution() -> None:
    attempts = met(record(5000, restarts=1))
    apply_observed(attempts, 0, answer(said("node", 100, 110)))
    assert told(attempts) == {f"unrecorded.{ID}.100": "node", "5000": "absent"}


def test_waiting_is_no_execution() -> None:
    attempts = met(record(100))
    rows = [said("requeued", 99, 110), waiting(110, why="BeginTime")]
    apply_observed(attempts, 0, answer(*rows))
    assert told(attempts) == {"100": "requeued", f"unrecorded.{ID}.waiting": "pending"}
    waits = attempts[f"unrecorded.{ID}.waiting"]
    assert waits["started"] is None
    assert waits["observed"]["asked"] == 1000
    assert not is_final(waits)


def test_a_record_that_comes_to_light_later_replaces_the_stand_in() -> None:
    """NFS shows it a minute after accounting told of the execution; nobody is asked again."""
    attempts = met()
    apply_observed(attempts, 0, answer(said("node", 100, 110), said("failed", 130, 140)))
    late = record(131)
    attempts |= met(late)
    apply_observed(attempts, 0, Observed())
    assert told(attempts) == {f"unrecorded.{ID}.100": "node", "131": "failed"}


@pytest.mark.parametrize("kind", ["pending", "held"])
def test_waiting_is_over_when_a_record_says_that_it_was_started(kind: Kind) -> None:
    attempts = met()
    waits = said(kind, submitted=50.0)
    apply_observed(attempts, 0, answer(waits))
    assert told(attempts) == {f"unrecorded.{ID}.waiting": kind}
    attempts |= met(record(100))
    apply_observed(attempts, 0, Observed())
    assert told(attempts) == {"100": None}


def test_what_runs_is_found_in_the_record_that_comes_later() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(said("running", 100, source="squeue")))
    attempts |= met(record(100.5))
    apply_observed(attempts, 0, Observed())
    assert told(attempts) == {"100": "running"}


def test_waiting_for_the_next_start_outlives_the_record_of_the_last_one() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(said("node", 100, 110), waiting(110)))
    attempts |= met(record(101))
    apply_observed(attempts, 0, Observed())
    assert told(attempts) == {f"unrecorded.{ID}.waiting": "pending", "101": "node"}


def test_a_queue_that_was_asked_before_the_record_was_read_does_not_make_it_wait() -> None:
    attempts = met(record(100))
    apply_observed(attempts, 0, answer(waiting(50)))
    assert told(attempts) == {"100": None}, "neither waiting nor absent"


def test_a_listing_from_before_does_not_undo_an_end() -> None:
    """--sacct-file may be older than what is known."""
    attempts = met(record(100))
    apply_observed(attempts, 0, answer(said("oom", 100, 110)))
    for old in (said("running", 100), waiting(50)):
        apply_observed(attempts, 0, answer(old))
        assert told(attempts) == {"100": "oom"}


def test_what_accounting_said_is_kept_when_only_the_queue_answers() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(said("node", 100, 110), said("running", 130)))
    apply_observed(attempts, 0, answer(said("running", 130, source="squeue"), asked=2000))
    assert told(attempts) == {f"unrecorded.{ID}.100": "node", f"unrecorded.{ID}.130": "running"}
    assert attempts[f"unrecorded.{ID}.130"]["observed"]["asked"] == 2000


def test_the_queue_knows_of_an_end_first_and_accounting_knows_more() -> None:
    attempts = met(record(100, ended=105.0))
    apply_observed(attempts, 0, answer(said("failed", 100, source="squeue", preliminary=True)))
    assert not is_final(attempts[f"{ID}.100.a"])
    apply_observed(attempts, 0, answer(said("running", 100)))
    assert told(attempts) == {"100": "failed"}, "accounting is behind"
    full = said("oom", 100, 105, code=0, signal=125)
    apply_observed(attempts, 0, answer(full))
    assert is_final(attempts[f"{ID}.100.a"])
    apply_observed(attempts, 0, answer(said("failed", 100, source="squeue", preliminary=True)))
    assert attempts[f"{ID}.100.a"]["observed"] == full.facts()


def test_cancelled_before_it_started_is_one_attempt_to_queue_and_accounting() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(waiting(50)))
    apply_observed(attempts, 0, answer(said("cancelled", source="squeue", preliminary=True)))
    apply_observed(attempts, 0, answer(said("cancelled", None, 60, why="by uid 0")))
    assert told(attempts) == {f"unrecorded.{ID}.never": "cancelled"}
    assert attempts[f"unrecorded.{ID}.never"]["observed"]["why"] == "by uid 0"


UNTOLD = {"node": "n2", "native_id": ID}


def test_an_execution_whose_start_is_not_told_is_found_by_its_end() -> None:
    """As sacct 22.05 shows what was preempted and requeued."""
    rows = [said("preempted", None, 110, **UNTOLD), said("completed", 130, 140)]
    expected = {"101": "preempted", "131": "completed"}
    for alive in (True, False):
        attempts = met(record(101)) if alive else met()
        if alive:
            apply_observed(attempts, 0, answer(said("running", 100, source="squeue")))
        apply_observed(attempts, 0, answer(*rows))
        attempts |= met(record(131, restarts=1), *[record(101)] * (not alive))
        apply_observed(attempts, 0, Observed())
        assert dict(sorted(told(attempts).items())) == expected
        assert "started" not in attempts[f"{ID}.101.a"]["observed"]


def test_of_several_records_the_last_before_an_end_is_meant() -> None:
    attempts = met(record(101), record(131, restarts=1), record(161, restarts=2))
    rows = [said("node", 100, 110), said("preempted", None, 140, **UNTOLD)]
    rows += [said("preempted", None, 170, **UNTOLD)]
    apply_observed(attempts, 0, answer(*rows))
    assert told(attempts) == {"101": "node", "131": "preempted", "161": "preempted"}
    assert attempts[f"{ID}.161.a"]["observed"]["ended"] == 170


def test_without_any_record_it_stands_for_itself() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(said("preempted", None, 110, **UNTOLD), waiting(110)))
    assert told(attempts) == {
        f"unrecorded.{ID}.until110": "preempted",
        f"unrecorded.{ID}.waiting": "pending",
    }


def test_what_ran_before_something_else_ended_runs_no_longer() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(said("running", 100, source="squeue")))
    apply_observed(
        attempts, 0, answer(said("running", 130), said("preempted", None, 110, **UNTOLD))
    )
    assert told(attempts) == {
        f"unrecorded.{ID}.130": "running",
        f"unrecorded.{ID}.until110": "preempted",
    }


def test_an_open_attempt_that_the_queue_does_not_list_is_absent_since_then() -> None:
    attempts = met(record(100), record(101, native_id="8_0", scheduler="local"))
    for asked in (1000.0, 2000.0):
        apply_observed(attempts, 0, answer(asked=asked))
        assert attempts[f"{ID}.100.a"]["observed"] == {"since": 1000.0, "absent": "squeue"}
        assert attempts["8_0.101.a"]["observed"] is None, "another scheduler's"
    apply_observed(attempts, 0, answer(said("running", 100, source="squeue"), asked=3000))
    assert told(attempts) == {"100": "running", "101": None}


def test_what_waited_and_is_gone_is_absent_and_says_what_it_was() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(waiting(50)))
    apply_observed(attempts, 0, answer(asked=2000))
    observed = attempts[f"unrecorded.{ID}.waiting"]["observed"]
    assert (observed["kind"], observed["since"], observed["absent"]) == ("pending", 2000, "squeue")


def test_nothing_is_absent_when_the_queue_did_not_answer() -> None:
    attempts = met(record(100))
    apply_observed(attempts, 0, answer(queue=None))
    assert told(attempts) == {"100": None}


@pytest.mark.parametrize("ended", [None, 200.0])
def test_what_has_ended_is_not_absent(ended: float | None) -> None:
    attempts = met(record(100, ended=ended))
    if ended is None:
        apply_observed(attempts, 0, answer(said("node", 100, 110)))
    before = deepcopy(attempts)
    apply_observed(attempts, 0, answer())
    assert attempts == before


PACKED = {"packed": True}


def test_shards_that_a_job_ended_before_it_came_to_them_stay_planned() -> None:
    job = said("cancelled", 100, 110, **PACKED)
    attempts = met()
    apply_observed(attempts, 0, answer(job, begun=frozenset((ID,))))
    assert attempts == {}


def test_a_job_of_several_shards_that_began_none_of_them_stands_for_all() -> None:
    attempts = met()
    apply_observed(attempts, 0, answer(said("node", 100, 110, **PACKED), begun=frozenset()))
    assert told(attempts) == {f"unrecorded.{ID}.100": "node"}
    apply_observed(attempts, 0, answer(said("node", 100, 110, **PACKED), begun=frozenset((ID,))))
    assert attempts == {}, "its record has come to light: of another shard"


def test_while_a_job_of_several_shards_runs_none_of_them_is_given_up() -> None:
    attempts = met()
    running = said("running", 100, source="squeue", **PACKED)
    apply_observed(attempts, 0, answer(running, begun=frozenset((ID,))))
    assert told(attempts) == {f"unrecorded.{ID}.100": "running"}
    done = said("completed", 100, 300, **PACKED)
    attempts |= met(record(250))
    apply_observed(attempts, 0, answer(done, begun=frozenset((ID,))))
    assert told(attempts) == {"250": "completed"}


def test_a_shard_done_in_the_first_start_of_its_job_is_not_missing_in_the_second() -> None:
    attempts = met(record(100, ended=105.0))
    rows = [said("node", 99, 110, **PACKED), said("completed", 130, 200, **PACKED)]
    apply_observed(attempts, 0, answer(*rows, begun=frozenset((ID,))))
    assert told(attempts) == {"100": "node"}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Observation], list[Attempt]]:
    """Some executions of two native ids, and the records that some of them left."""
    executions: list[Observation] = []
    records: list[Attempt] = []
    for native_id in ("7_3", "9_0"):
        at = draw(st.integers(100, 200))
        skew = draw(st.floats(-4, 4))
        for restart in range(draw(st.integers(0, 3))):
            length = draw(st.integers(1, 50))
            kind = draw(st.sampled_from(["node", "requeued", "failed", "completed", "untold"]))
            told_start = None if kind == "untold" else float(at)
            more: Any = {"native_id": native_id, "node": "n1"}
            kind = "preempted" if kind == "untold" else kind
            executions.append(said(kind, told_start, float(at + length), **more))
            if draw(st.booleans()):
                delay = draw(st.floats(0, min(length, 0.9)))
                ended = draw(st.sampled_from([None, at + length + skew]))
                more = {"native_id": native_id, "restarts": restart, "ended": ended}
                records.append(record(at + delay + skew, **more))
            at += length + draw(st.integers(12, 40))
    return executions, records


def applied(events: list[Any], queue: str | None) -> Attempts:
    attempts: Attempts = {}
    for number, event in enumerate(events):
        if isinstance(event, dict):
            attempts |= met(deepcopy(event))
        elif event is not None:
            apply_observed(attempts, 0, answer(*event, asked=1000.0 + number, queue=queue))
        else:
            apply_observed(attempts, 0, Observed())
    return attempts


@given(st.data(), histories())
def test_order_and_repetition_do_not_matter(
    data: st.DataObject, history: tuple[list[Observation], list[Attempt]]
) -> None:
    """Of ends, told in any portions, and records, come to light at any time."""
    executions, records = history
    expected = applied([*records, executions], None)
    portions: list[Any] = [
        data.draw(st.lists(st.sampled_from(executions), max_size=4)) if executions else []
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    events = [*records, *([one] for one in executions), *portions, None, None]
    events = data.draw(st.permutations(events))
    attempts = applied([*events, None], None)
    assert attempts == expected
    again = deepcopy(attempts)
    apply_observed(again, 0, answer(*executions, queue=None))
    assert again == attempts


@given(st.data(), histories())
def test_what_was_seen_alive_leaves_no_trace_when_all_ends_are_known(
    data: st.DataObject, history: tuple[list[Observation], list[Attempt]]
) -> None:
    executions, records = history
    expected = applied([*records, executions], "squeue")
    alive: list[Any] = []
    for one in executions:
        for ended in (None, one.ended):
            known = [
                other._replace(kind="running", ended=ended, started=one.started or one.ended - 1)
                if other is one and ended is None
                else other
                for other in executions
                if other.native_id == one.native_id and other.ended <= one.ended
            ]
            waits = waiting((one.started or one.ended - 1) - 6, native_id=one.native_id)
            alive.append([*known[:-1], waits] if data.draw(st.booleans()) else known)
    events = data.draw(st.permutations([*alive, *records, None]))
    attempts = applied([*events, executions], "squeue")
    for attempt in attempts.values():
        observed = attempt["observed"] or {}
        if "kind" not in observed:
            observed.pop("since", None)  # since when it is absent, that does differ
    for attempt in expected.values():
        if "kind" not in (attempt["observed"] or {}):
            (attempt["observed"] or {}).pop("since", None)
    assert attempts == expected
