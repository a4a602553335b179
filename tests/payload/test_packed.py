"""Several shards in one call, and the same native id started again."""

from __future__ import annotations

import signal

from .conftest import Run, sh, until

BY_INDEX = '[ ! -e "$FARMHAND_RUN/fail.$FARMHAND_SHARD_INDEX" ] || exit 3$FARMHAND_SHARD_INDEX'


def test_one_after_the_other_and_the_code_of_the_first_bad(run: Run) -> None:
    run.write(
        argv=sh(f'echo $FARMHAND_SHARD_NAME "$1" >>$FARMHAND_RUN/order; {BY_INDEX}', '"${1}"'),
        rows=["a", "b", "c"],
    )
    (run.path / "fail.0").touch()
    (run.path / "fail.1").touch()
    assert run(2, 1, 0).returncode == 31
    assert (run.path / "order").read_text() == "s2 c\ns1 b\ns0 a\n"
    assert [run.end(i)["exit_code"] for i in range(3)] == [30, 31, 0]
    assert len({run.record(i)[0]["attempt"] for i in range(3)}) == 3
    assert len({run.record(i)[0]["pid"] for i in range(3)}) == 1


def test_a_fault_of_one_shard_does_not_spill_over(run: Run) -> None:
    run.write(
        argv=sh("exit ${1-9}", '"${1}"'), rows=["0", "0", "0"], workdir='"$FARMHAND_RUN"/w/"${1}"'
    )
    assert run(0).returncode == 91
    (run.path / "w" / "0").mkdir(parents=True)
    lines = (run.path / "plan/args/0").read_text().splitlines()
    (run.path / "plan/args/0").write_text("\n".join([lines[0], "s1 'open", lines[2]]) + "\n")
    assert run(1, 2).returncode == 91
    assert [run.end(1)["cause"], run.end(2)["cause"]] == ["setup", None]
    assert (run.record(1)[0]["name"], run.end(1)["peak"], run.end(1)["wall_s"]) == ("", None, 0)


def test_term_in_the_middle_begins_no_further_shard(run: Run) -> None:
    run.write(argv=sh("echo up; [ $FARMHAND_SHARD_INDEX = 0 ] || exec sleep 60"))
    process = run.start(0, 1, 2)
    run.wait_for("stdout", 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert (run.end(0)["cause"], run.end(1)["cause"]) == (None, "cancelled")
    assert run.end(0)["stopped_by"] is None
    assert run.records(2) == []


def test_a_command_that_ends_well_after_term_still_ends_the_pack(run: Run) -> None:
    run.write(argv=sh("trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done"))
    process = run.start(0, 1)
    run.wait_for("stdout")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 95, "not 0: a shard was not begun"
    assert (run.end(0)["exit_code"], run.end(0)["cause"]) == (0, "cancelled")
    assert run.records(1) == []


def test_a_requeued_element_does_only_its_rest(run: Run) -> None:
    run.write(argv=sh(BY_INDEX))
    (run.path / "fail.1").touch()
    again = {"native": "5_7", "restarts": 1}
    assert run(0, 1, 2, native="5_7").returncode == 31
    (run.path / "fail.1").unlink()
    assert run(0, 1, 2, **again).returncode == 0
    assert [len(run.records(i)) for i in range(3)] == [1, 2, 1]
    assert run.records(1)[1][0]["restarts"] == 1
    assert run(0, 1, 2, **again).returncode == 0, "nothing left to do"
    assert [len(run.records(i)) for i in range(3)] == [1, 2, 1]


def test_only_the_same_native_id_of_the_same_plan_and_a_whole_record_count(run: Run) -> None:
    run.write(argv=sh(BY_INDEX))
    assert run(0, native="5_7").returncode == 0
    assert run(0, native="5_70", restarts=1).returncode == 0
    assert run(0, native="5/7", restarts=1).returncode == 0
    assert run(0, native="5_7", restarts=0).returncode == 0
    assert len(run.records()) == 4
    for path in (run.path / "records/0").iterdir():
        path.write_text(path.read_text()[:-20])
    assert run(0, native="5_7", restarts=1).returncode == 0
    assert len(list((run.path / "records/0").iterdir())) == 5


def test_two_payloads_of_one_shard_at_once_do_not_meet(run: Run) -> None:
    run.write(argv=sh("echo up >out; until [ $(ls -d ../*/out | wc -l) = 4 ]; do sleep 0.02; done"))
    processes = [run.start(0, native="same") for _ in range(4)]
    until(lambda: all(process.poll() is not None for process in processes))
    assert [process.returncode for process in processes] == [0] * 4
    records = run.records()
    assert [[line["event"] for line in lines] for lines in records] == [["start", "end"]] * 4
    assert len({lines[0]["attempt"] for lines in records}) == 4
