"""Which shards SLURM's rows are about: by record, else by name, directory and script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.slurm import Attribution, attribute, recorded_ids
from collectors.slurm_rows import SlurmRow
from manifest.arrays import array_sizes
from manifest.header import Header, Submission
from manifest.layout import parse_ranges

if TYPE_CHECKING:
    from collectors.observation import Observed


def submission(number: int, shards: str, *, per_job: int = 1, largest: int = 1001) -> Submission:
    count = len(list(parse_ranges(shards)))
    return Submission(
        id=number,
        scheduler="slurm",
        shards=shards,
        shards_per_job=per_job,
        arrays=array_sizes(count, per_job, largest),
        resources={},
        created_at_utc="",
    )


def header(*submissions: Submission, run_id: str = "r") -> Header:
    return Header(
        schema_version="", revision=1, run_id=run_id, run_uuid="", name="", scheduler="slurm",
        plan_id="", seed=None, shards=10, created_at_utc="2001-09-09T01:46:40Z",
        submissions=submissions,
    )  # fmt: skip


def row(run: Path, job: int, elements: range | None, **more: Any) -> SlurmRow:
    fixed: dict[str, Any] = dict.fromkeys(SlurmRow._fields)
    fixed |= {"job": job, "elements": None if elements is None else (elements,)}
    fixed |= {"truncated": False, "source": "sacct", "state": "FAILED", "flags": frozenset()}
    fixed |= {"name": "r.1", "workdir": str(run), "oom": False, "start": 1.0, "end": 2.0}
    return SlurmRow(**(fixed | {"script": f"{run}/slurm_array_job.sh"} | more))


def asked(
    run: Path,
    head: Header,
    history: list[SlurmRow],
    queue: list[SlurmRow] | None = None,
    records: tuple[str, ...] = (),
) -> Observed:
    recorded = recorded_ids(str(run), records)
    return attribute(history, queue, Attribution(str(run), head, recorded), recorded, 9.0)


def said(observed: Observed) -> dict[int, list[tuple[str, str]]]:
    return {
        shard: [(one.native_id, one.kind) for one in found]
        for shard, found in observed.shards.items()
        if found
    }


def test_an_element_is_a_shard(tmp_path: Path) -> None:
    observed = asked(tmp_path, header(submission(1, "0-9")), [row(tmp_path, 7, range(3, 5))])
    assert said(observed) == {3: [("7_3", "failed")], 4: [("7_4", "failed")]}
    assert observed.jobs == {1: frozenset({"7"})}
    assert observed.begun is None


@pytest.mark.parametrize(
    "more",
    [
        {"name": "other.1"},
        {"name": "r.2"},
        {"name": "r.x"},
        {"name": "r.1.1"},
        {"name": "xr.1"},
        {"name": "1"},
        {"workdir": "/elsewhere"},
        {"workdir": None},
    ],
)
def test_jobs_of_others_are_left_alone(tmp_path: Path, more: dict[str, Any]) -> None:
    """Also of a run of the same name in another directory."""
    one = row(tmp_path, 7, range(3), **more)
    observed = asked(tmp_path, header(submission(1, "0-9")), [one], [one])
    assert (said(observed), observed.jobs) == ({}, {})


@pytest.mark.parametrize("more", [{}, {"name": ""}, {"workdir": None}, {"name": "renamed"}])
def test_a_record_is_enough_to_know_a_job(tmp_path: Path, more: dict[str, Any]) -> None:
    """An end may be told before the name; a run may have been moved since."""
    records = ("3.7_3.100.abc.jsonl",)
    one = row(tmp_path, 7, range(3, 6), **more)
    observed = asked(tmp_path, header(submission(1, "0-9")), [one], records=records)
    assert said(observed).keys() == {3, 4, 5}


def test_a_link_to_the_run_is_the_run(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    rows = [row(tmp_path / "real", 7, range(1)), row(link, 8, range(1))]
    observed = asked(link, header(submission(1, "0-9")), rows)
    assert said(observed) == {0: [("7_0", "failed"), ("8_0", "failed")]}


def test_a_resubmission_runs_the_shards_of_its_map(tmp_path: Path) -> None:
    head = header(submission(1, "0-9"), submission(2, "3,7-9"))
    script = f"{tmp_path}/resubmit-2/slurm_array_job.sh"
    again = row(tmp_path, 8, range(1, 4), name="r.2", script=script)
    assert said(asked(tmp_path, head, [again])) == {
        7: [("8_1", "failed")],
        8: [("8_2", "failed")],
        9: [("8_3", "failed")],
    }
    nameless = again._replace(name="", workdir=None)
    records = ("7.8_1.100.abc.jsonl",)
    assert said(asked(tmp_path, head, [nameless], records=records)).keys() == {7, 8, 9}


@pytest.mark.parametrize("number", [1, 2])
def test_a_record_says_which_submission_its_job_is_of(tmp_path: Path, number: int) -> None:
    """Both have shard 3 as their first element, and the row may not bear a name."""
    name = "3.8_0.100.abc.jsonl"
    folder = tmp_path / "records/0"
    folder.mkdir(parents=True)
    (folder / name).write_text(f'{{"event":"start","submission":{number}}}\n', encoding="utf-8")
    head = header(submission(1, "3,7"), submission(2, "3,8"))
    one = row(tmp_path, 8, range(1, 2), name="", workdir=None)
    assert said(asked(tmp_path, head, [one], records=(name,))).keys() == {7 if number == 1 else 8}
    (folder / name).write_text("", encoding="utf-8")
    assert said(asked(tmp_path, head, [one], records=(name,))) == {}, "either of them"
    named = one._replace(name="r.2")
    assert said(asked(tmp_path, head, [named], records=(name,))).keys() == {8}


def test_parts_are_told_apart_by_their_scripts(tmp_path: Path) -> None:
    head = header(submission(1, "0-9", largest=4))
    assert head.submissions[0].arrays == (4, 3, 3)
    rows = [
        row(tmp_path, 10 + part, range(2), script=f"{prefix}slurm_array_job.{part}.sh")
        for part, prefix in ((1, f"{tmp_path}/"), (2, ""), (3, "./"))
    ]
    observed = asked(tmp_path, head, rows)
    assert {shard: found[0][0] for shard, found in said(observed).items()} == {
        0: "11_0", 1: "11_1", 4: "12_0", 5: "12_1", 7: "13_0", 8: "13_1",
    }  # fmt: skip


@pytest.mark.parametrize("script", [None, "-", "slurm_array_job.sh", "slurm_array_job.9.sh"])
def test_a_job_whose_part_is_not_told_is_known_by_its_records_only(
    tmp_path: Path, script: str | None
) -> None:
    head = header(submission(1, "0-9", largest=4))
    one = row(tmp_path, 7, range(2), script=script)
    assert said(asked(tmp_path, head, [one])) == {}
    assert said(asked(tmp_path, head, [one], records=("5.7_1.1.a.jsonl",))).keys() == {4, 5}
    recorded = recorded_ids("/nowhere", ())
    vague = Attribution(str(tmp_path), head, recorded)
    assert vague.is_vague(one)
    assert not vague.is_vague(one._replace(workdir="/elsewhere"))


def test_a_script_given_on_standard_input_is_the_only_one_there_is(tmp_path: Path) -> None:
    one = row(tmp_path, 7, range(1), script=None)
    assert said(asked(tmp_path, header(submission(1, "0-9")), [one])).keys() == {0}


def test_a_later_row_may_tell_what_the_first_lacked(tmp_path: Path) -> None:
    rows = [
        row(tmp_path, 7, range(1), name="", workdir=None, script=None),
        row(tmp_path, 7, range(1, 2)),
    ]
    observed = asked(tmp_path, header(submission(1, "0-9")), rows)
    assert observed.jobs == {1: frozenset({"7"})}
    assert 1 in said(observed)


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 12))
def test_every_shard_is_in_exactly_one_element(shards: int, per_job: int, largest: int) -> None:
    head = header(submission(1, f"0-{shards - 1}", per_job=per_job, largest=largest))
    sizes = head.submissions[0].arrays
    assert max(sizes) <= largest
    recorded = recorded_ids("/nowhere", ())
    attribution = Attribution("/r", head, recorded)
    found = []
    for part, size in enumerate(sizes):
        name = f"slurm_array_job.{part + 1}.sh" if len(sizes) > 1 else "slurm_array_job.sh"
        one = row(Path("/r"), 100 + part, range(size + 5), script=name)
        found += [shard for _, _, shard in attribution.shards(one)]
    assert found == list(range(shards))


def test_an_index_beyond_the_array_is_no_shard(tmp_path: Path) -> None:
    """sbatch --array=8-12 by hand: the wrapper refuses those."""
    head = header(submission(1, "0-9"))
    assert said(asked(tmp_path, head, [row(tmp_path, 7, range(8, 13))])).keys() == {8, 9}
    assert said(asked(tmp_path, head, [row(tmp_path, 7, None)])) == {}


def test_jobs_of_several_shards_say_so(tmp_path: Path) -> None:
    head = header(submission(1, "0-9", per_job=4))
    records = ("1.7_0.100.abc.jsonl", "junk", "2.pid.1.a.jsonl")
    observed = asked(tmp_path, head, [row(tmp_path, 7, range(1, 3))], records=records)
    assert said(observed).keys() == {4, 5, 6, 7, 8, 9}
    assert all(one.packed for found in observed.shards.values() for one in found)
    assert observed.begun == {"7_0"}


def live(run: Path, index: int, state: str, **more: Any) -> SlurmRow:
    return row(
        run, 7, range(index, index + 1), state=state, end=None, **({"source": "squeue"} | more)
    )


def test_the_queue_has_the_word_on_what_is_not_over(tmp_path: Path) -> None:
    head = header(submission(1, "0-9"))
    history = [
        live(tmp_path, 0, "RUNNING", source="sacct"),  # and is gone
        live(tmp_path, 1, "PENDING", source="sacct"),  # and was started since
        row(tmp_path, 7, range(2, 3)),  # over, the queue remembers it
        live(tmp_path, 3, "RUNNING", source="sacct"),  # over, accounting does not know it yet
        row(tmp_path, 7, range(4, 5), flags=frozenset({"REQUEUED"}), state="PENDING"),
    ]
    queue = [
        live(tmp_path, 1, "RUNNING"),
        live(tmp_path, 2, "FAILED"),
        live(tmp_path, 3, "COMPLETED"),
        live(tmp_path, 4, "PENDING"),
        live(tmp_path, 5, "PENDING"),
    ]
    assert said(asked(tmp_path, head, history, queue)) == {
        1: [("7_1", "running")],
        2: [("7_2", "failed")],
        3: [("7_3", "completed")],
        4: [("7_4", "requeued"), ("7_4", "pending")],
        5: [("7_5", "pending")],
    }
    observed = asked(tmp_path, head, history, queue)
    assert [one.preliminary for one in observed.shards[2]] == [False]
    assert [one.preliminary for one in observed.shards[3]] == [True]


def test_a_queue_that_does_not_answer_denies_nothing(tmp_path: Path) -> None:
    head = header(submission(1, "0-9"))
    observed = asked(tmp_path, head, [live(tmp_path, 0, "RUNNING", source="sacct")], None)
    assert said(observed) == {0: [("7_0", "running")]}
    assert observed.queue is None
    assert asked(tmp_path, head, [], []).queue == "squeue"


def test_cancelled_before_it_had_a_node_is_not_started(tmp_path: Path) -> None:
    """squeue 22.05 gives the time of the cancellation as its start, sacct none."""
    head = header(submission(1, "0-9"))
    never = row(tmp_path, 7, range(1), state="CANCELLED", source="squeue", elapsed_s=0)
    ran = row(tmp_path, 7, range(1, 2), state="CANCELLED", nodes="n1", elapsed_s=0)
    observed = asked(tmp_path, head, [], [never, ran])
    assert [observed.shards[shard][0].started for shard in (0, 1)] == [None, 1.0]


def test_places_of_jobs_are_known_from_records_and_rows(tmp_path: Path) -> None:
    head = header(submission(1, "0-9", largest=4), submission(2, "3,7"))
    recorded = recorded_ids("/nowhere", ("5.7_1.1.a.jsonl", "7.9_1.1.a.jsonl"))
    attribution = Attribution(str(tmp_path), head, recorded)
    assert attribution.recorded_places() == {(1, 1), (2, 0)}
    script = f"{tmp_path}/slurm_array_job.3.sh"
    assert attribution.place(row(tmp_path, 30, range(1), script=script)) == (1, 2)


def test_a_job_from_before_the_run_is_of_another_one_that_was_there(tmp_path: Path) -> None:
    """Of a run that was removed and rendered again under its name, at 1e9 seconds."""
    head = header(submission(1, "0-4"))
    attribution = Attribution(str(tmp_path), head, recorded_ids(str(tmp_path), ()))
    for submit, place in ((1e9 - 60, None), (1e9 - 3, (1, 0)), (1e9 + 60, (1, 0)), (None, (1, 0))):
        job = round(submit or 5)
        assert attribution.place(row(tmp_path, job, range(5), submit=submit)) == place


def test_accounting_spells_directories_in_its_own_way(tmp_path: Path) -> None:
    head = header(submission(1, "0-4"))
    run = tmp_path / 'it\'s "no" ☃'
    run.mkdir()
    attribution = Attribution(str(run), head, recorded_ids(str(run), ()))
    told = f"{tmp_path}/it's `no` ?"
    assert attribution.place(row(run, 1, range(5), workdir=told)) == (1, 0)
    assert attribution.place(row(run, 2, range(5), workdir=told, source="squeue")) is None
    assert attribution.place(row(run, 3, range(5), workdir=f"{told}x")) is None
