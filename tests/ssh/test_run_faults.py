"""What goes wrong on the way: launchers and servers killed, hosts that hang, full disks."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clusters.daemons import poll, start_time
from tests.dying import die_at
from tests.ssh.test_run import accepted, render, results, spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ssh.conftest import Desk

SSH = {"shared": "no", "give_up": "4s"}
# Notes that it ran, says its process id, and ends when the gate is open.
GATED = (
    'echo "$FARMHAND_SHARD_INDEX" >>{path}/ran; echo $$ >{path}/pid.$FARMHAND_SHARD_INDEX; '
    "until [ -e {path}/gate ]; do sleep 0.1; done; echo done >out.txt"
)


def gated(desk: Desk, **changes: Any) -> dict[str, Any]:
    return spec(GATED.format(path=desk.path), **{"ssh": SSH, **changes})


def ran(desk: Desk) -> Counter[str]:
    path = desk.path / "ran"
    return Counter(path.read_text().split() if path.exists() else [])


def open_gate(desk: Desk) -> None:
    (desk.path / "gate").touch()


def wait_ran(desk: Desk, shards: int) -> None:
    poll(lambda: len(ran(desk)) >= shards, f"{shards} shards to run", 60)


def finish(process: subprocess.Popen[str], code: int | None = 0) -> str:
    out, _ = process.communicate(timeout=120)
    assert "Traceback" not in out
    assert code is None or process.returncode == code, out
    return out


@pytest.fixture(autouse=True)
def _nothing_left(desk: Desk) -> Iterator[None]:
    yield
    open_gate(desk)


def test_a_launcher_killed_with_9_loses_nothing(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    run = render(desk, gated(desk, shards=5, work={"count": 5}), node1="slots=2")
    first = desk.start("run", "runs/r")
    wait_ran(desk, 3)
    first.kill()
    first.communicate()
    second = desk.start("run", "runs/r")
    poll(lambda: (run / "logs/ssh.jsonl").read_text().count('"event":"started"') >= 3, "a look", 60)
    open_gate(desk)
    out = finish(second)
    assert "still running from before" in out
    assert ran(desk) == dict.fromkeys("01234", 1)
    assert accepted(run) == ["done"] * 5
    assert [len(result["attempts"]) for result in results(run)] == [1] * 5


def test_what_ended_while_nobody_looked_is_brought_home(desk: Desk) -> None:
    desk.farm.add("node1")
    run = render(desk, gated(desk))
    first = desk.start("run", "runs/r")
    wait_ran(desk, 1)
    first.kill()
    first.communicate()
    open_gate(desk)
    pid = int((desk.path / "pid.0").read_text())
    poll(lambda: start_time(pid) is None, "the command to end", 30)
    desk("run", "runs/r")
    assert ran(desk) == {"0": 1}
    assert accepted(run) == ["done"]


def test_a_server_killed_in_the_middle_and_back_again(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    run = render(desk, gated(desk, ssh={**SSH, "give_up": "60s"}))
    process = desk.start("run", "runs/r")
    wait_ran(desk, 2)
    desk.farm.stop("node1")
    open_gate(desk)
    with socket.create_server(("127.0.0.1", desk.farm.hosts["node1"].port)) as closed:
        closed.settimeout(60)
        for _ in range(4):  # more often than a host is asked where nothing runs
            closed.accept()[0].close()
    desk.farm.start("node1")
    out = finish(process)
    assert "node1: does not answer" in out
    assert len(results(run)[0]["attempts"]) == 1
    assert ran(desk) == {"0": 1, "1": 1}
    assert accepted(run) == ["done"] * 2


def test_one_killed_one_hanging_and_the_launcher_killed(desk: Desk) -> None:
    """After a second run all is done, each shard accepted once; the tables say what happened."""
    desk.farm.add("node1", "node2", "node3", "node4")
    run = render(desk, gated(desk, shards=8, work={"count": 8}))
    first = desk.start("run", "runs/r")
    wait_ran(desk, 4)
    desk.farm.stop("node1")
    desk.farm.freeze("node2")
    first.kill()
    first.communicate()
    second = desk.start("run", "runs/r")
    poll(lambda: (run / "logs/ssh.jsonl").read_text().count('"lost"') == 2, "both given up", 90)
    open_gate(desk)
    out = finish(second)
    assert accepted(run) == ["done"] * 8
    assert sum(ran(desk).values()) == 10  # the two that were lost from sight ran twice
    table = {line.split()[0]: line.split()[1:7] for line in out.splitlines() if "  0  " in line}
    assert [int(table[name][4]) for name in ("node1", "node2", "node3", "node4")] == [1, 1, 0, 0]
    assert "given up: silent for" in out
    causes = {a["cause"] for r in results(run) for a in r["attempts"] if a["state"] == "lost"}
    assert causes == {"node"}
    assert desk("check", "runs/r").returncode == 0
    # What was given up has ended by now. It comes home, and counts for nothing more.
    desk.farm.start("node1")
    desk.farm.thaw("node2")
    desk("run", "runs/r")
    again = results(run)
    assert sum(len(result["attempts"]) for result in again) == 10
    assert all(len(result["accepted_attempts"]) == 1 for result in again)
    assert {a["state"] for result in again for a in result["attempts"]} == {"succeeded"}


def test_without_reassigning_the_shards_of_a_dead_host_stay_lost(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    run = render(desk, gated(desk, ssh={**SSH, "reassign": "false"}))
    process = desk.start("run", "runs/r")
    wait_ran(desk, 2)
    desk.farm.stop("node1")
    open_gate(desk)
    finish(process, 1)
    (lost, _) = results(run)
    assert (lost["state"], lost["cause"]) == ("lost", "node")
    assert "Connection refused" in lost["evidence"]
    assert ran(desk) == {"0": 1, "1": 1}
    desk.farm.start("node1")
    desk("run", "runs/r")  # it had ended well: it is not done again
    assert ran(desk) == {"0": 1, "1": 1}
    assert accepted(run) == ["done"] * 2


def test_hosts_that_never_answer_leave_their_work_to_others(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        (desk.path / "more").write_text(f"mute port={mute.getsockname()[1]}\n")
        hosts = desk.farm.hosts_file()
        hosts.write_text(hosts.read_text() + (desk.path / "more").read_text())
        file = desk.farm.hosts_file
        desk.farm.hosts_file = lambda **_: hosts  # type: ignore[method-assign]
        run = render(desk, spec(ssh=SSH))
        desk.farm.hosts_file = file  # type: ignore[method-assign]
        desk.farm.stop("node2")
        out = desk("run", "runs/r").stderr
    assert "mute: given up" in out
    assert "node2: given up" in out
    assert len(accepted(run)) == 3
    hosts_used = {a["native_id"].partition("-")[0] for r in results(run) for a in r["attempts"]}
    assert hosts_used == {"node1"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_runs_on_the_hosts(desk: Desk, number: signal.Signals) -> None:
    desk.farm.add("node1", "node2")
    run = render(desk, gated(desk))
    process = desk.start("run", "runs/r")
    wait_ran(desk, 2)
    process.send_signal(number)
    out = finish(process, 128 + number)
    assert "nothing is left running" in out
    for index in (0, 1):
        assert start_time(int((desk.path / f"pid.{index}").read_text())) is None
    found = results(run)
    assert [(r["state"], r["cause"]) for r in found] == [("cancelled", "cancelled")] * 2
    open_gate(desk)
    desk("run", "runs/r")
    assert accepted(run) == ["done"] * 2


def test_a_payload_killed_with_9_is_lost_and_its_words_come_home(desk: Desk) -> None:
    desk.farm.add("node1")
    run = render(
        desk, spec("echo last words >&2; set -- $(cat /proc/$PPID/stat); kill -9 $4; sleep 9")
    )
    desk("run", "runs/r", code=1)
    (result,) = results(run)
    assert (result["state"], result["cause"]) == ("lost", "vanished"), result
    assert "last words" in result["evidence"]


def cutting_tar(desk: Desk) -> Path:
    """A directory with every tool, and a tar that loses bytes on the way out."""
    tools = desk.path / "tools"
    tools.mkdir()
    for name in os.listdir("/usr/bin"):
        if name != "tar":
            (tools / name).symlink_to(f"/usr/bin/{name}")
    tar = tools / "tar"
    tar.write_text(
        '#!/bin/sh\ncase $1 in\n-cf) /usr/bin/tar "$@" | sed s/done/gone/ ;;\n'
        '*) exec /usr/bin/tar "$@" ;;\nesac\n'
    )
    tar.chmod(tar.stat().st_mode | stat.S_IXUSR)
    return tools


def test_results_that_come_home_damaged_are_a_failed_shard(desk: Desk) -> None:
    tools = cutting_tar(desk)
    shell = f'PATH={tools}; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    desk.farm.add("node1", more=[f"ForceCommand {shell}"])
    open_gate(desk)
    run = render(desk, gated(desk))
    desk("run", "runs/r", code=1)
    (result,) = results(run)
    assert (result["state"], result["cause"]) == ("failed", "stage_out")
    assert "came with other bytes" in result["evidence"]
    assert not list(run.glob("records/0/*.jsonl"))
    shutil.copy("/usr/bin/tar", tools / "tar")
    desk("run", "runs/r")  # they are still there: nothing is done again
    assert ran(desk) == {"0": 1}
    assert accepted(run) == ["done"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root")
def test_a_full_disk_on_a_host(desk: Desk) -> None:
    (node, _) = desk.farm.add("node1", "node2")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(node.home)], check=True)
    try:
        run = render(desk, spec(ssh=SSH))
        out = desk("run", "runs/r").stderr
        assert "No space left on device" in out
        assert os.listdir(node.home / ".farmhand") == []
    finally:
        subprocess.run(["umount", str(node.home)], check=True)
    assert len(accepted(run)) == 2
    hosts_used = {a["native_id"].partition("-")[0] for r in results(run) for a in r["attempts"]}
    assert hosts_used == {"node2"}


def test_a_connection_cut_while_results_come_home(desk: Desk) -> None:
    (node,) = desk.farm.add("node1")
    script = "head -c 300000000 /dev/urandom >out.txt; sha256sum <out.txt >sum.txt"
    run = render(desk, spec(script, ssh={**SSH, "give_up": "60s"}))
    process = desk.start("run", "runs/r")
    poll(lambda: list(run.glob("logs/ssh/pull-*/shards/*/*/out.txt")), "results to come", 60)
    desk.farm.stop(node.name)
    desk.farm.start(node.name)
    finish(process)
    ((result,),) = (results(run),)
    assert len(result["attempts"]) == 1
    folder = run / result["attempts"][0]["dir"]
    with (folder / "out.txt").open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    assert digest == (folder / "sum.txt").read_text().split()[0]
    assert not list(run.glob("logs/ssh/pull-*"))


def test_a_connection_cut_while_the_run_is_sent(desk: Desk) -> None:
    (node,) = desk.farm.add("node1")
    with (desk.path / "big").open("wb") as stream:
        for _ in range(300):
            stream.write(os.urandom(1 << 20))
    run = render(desk, spec(ssh=SSH, inputs={"big": "big"}))
    process = desk.start("run", "runs/r")
    poll(lambda: list(node.home.glob(".farmhand/r-*/plan/stage/big")), "the run to be sent", 60)
    desk.farm.stop(node.name)
    desk.farm.start(node.name)
    finish(process)
    assert accepted(run) == ["0 10 100 1"]
    kept = [path.name for path in (node.home / ".farmhand").iterdir()]
    assert sum(name.count(".") == 0 for name in kept) == 1


def test_hosts_with_one_home_share_what_is_sent(desk: Desk) -> None:
    desk.farm.add("node1", "node2", "node3", "node4", home="home of all")
    run = render(desk, spec(shards=12, work={"count": 12, "seed": 0}, ssh=SSH), node1="slots=2")
    desk("run", "runs/r")
    assert [line.split()[0] for line in accepted(run)] == [str(index) for index in range(12)]
    assert [len(result["attempts"]) for result in results(run)] == [1] * 12
    assert len(list((desk.farm.path / "home of all" / ".farmhand").iterdir())) == 1


def test_a_journal_that_cannot_be_written_leaves_what_runs_alone(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    run = render(desk, gated(desk, shards=4, work={"count": 4}))
    limit = ["prlimit", "--fsize=400", sys.executable, "-m", "farmhand", "run", "runs/r"]
    done = subprocess.run(
        limit, cwd=desk.path, env=desk.env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "the journal of launches cannot be written" in done.stderr
    open_gate(desk)
    desk("run", "runs/r")
    assert ran(desk) == dict.fromkeys("0123", 1)
    assert accepted(run) == ["done"] * 4


def test_other_hosts_take_the_place_of_one_that_is_gone(desk: Desk) -> None:
    desk.farm.add("node1", "node2", "node3")
    all_of = desk.farm.hosts_file()
    lines = all_of.read_text().splitlines(keepends=True)
    run = render(desk, gated(desk, ssh={"hosts": [line.strip() for line in lines[:2]], **SSH}))
    process = desk.start("run", "runs/r")
    wait_ran(desk, 3)
    poll(lambda: (run / "logs/ssh.jsonl").read_text().count('"event":"started"') == 3, "a look", 60)
    desk.farm.stop("node1")
    process.kill()
    process.communicate()
    open_gate(desk)
    (desk.path / "others.txt").write_text("".join(lines[1:]))
    done = desk("run", "runs/r", "--hosts", "others.txt")
    assert "node1 is not among the hosts any more" in done.stderr
    assert len(accepted(run)) == 3
    (first, *_) = results(run)
    assert [a["state"] for a in first["attempts"]] == ["lost", "succeeded"]
    assert first["attempts"][0]["cause"] == "node"


def test_a_second_session_is_refused_while_one_lives(desk: Desk) -> None:
    desk.farm.add("node1")
    render(desk, gated(desk))
    first = desk.start("run", "runs/r")
    wait_ran(desk, 1)
    done = desk("run", "runs/r", code=1)
    assert "pid" in done.stderr
    open_gate(desk)
    finish(first)


def test_a_start_that_arrives_late_starts_nothing(desk: Desk) -> None:
    """The launcher is killed, the next has looked and begun anew; then the first start comes."""
    sessions, late, arrived = (desk.path / name for name in ("sessions", "late", "arrived"))
    sessions.touch()
    desk.farm.add("node1", more=[f"ForceCommand sh {desk.path}/shell"])
    (desk.path / "shell").write_text(
        f"echo >>{sessions}\n"
        f"if [ $(wc -l <{sessions}) = 3 ]; then\n"  # to prepare, to push, to start
        f"  until [ -e {late} ]; do sleep 0.1; done\n"
        f'  sh -c "$SSH_ORIGINAL_COMMAND"; touch {arrived}\n'
        f'else exec sh -c "$SSH_ORIGINAL_COMMAND"; fi\n'
    )
    open_gate(desk)
    run = render(desk, gated(desk))
    journal = run / "logs" / "ssh.jsonl"
    first = desk.start("run", "runs/r")
    poll(lambda: len(sessions.read_text()) == 3, "the start to be on its way", 60)
    assert "about to" in journal.read_text()
    first.kill()
    first.communicate()
    desk("run", "runs/r")
    assert ran(desk) == {"0": 1}
    assert "not started" in journal.read_text()
    late.touch()
    poll(arrived.exists, "the first start to arrive", 30)
    assert ran(desk) == {"0": 1}
    assert len(list(run.glob("records/0/*"))) == 1


@pytest.mark.slow
def test_killed_at_any_write_nothing_is_done_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.farm.add("node1", "node2")
    run = render(desk, gated(desk, shards=3, work={"count": 3}))
    open_gate(desk)
    monkeypatch.setenv("FARMHAND_SITE", str(desk.site))
    whole = desk.path / "whole"
    shutil.copytree(run, whole, symlinks=True)
    steps = itertools.count() if os.environ.get("FARMHAND_LONG") else itertools.count(3, 9)
    for step in steps:
        shutil.rmtree(run)
        shutil.copytree(whole, run, symlinks=True)
        for home in desk.farm.path.glob("home */.farmhand"):
            shutil.rmtree(home)
        (desk.path / "ran").unlink(missing_ok=True)
        died = die_at(desk.path, step, "run", "runs/r")
        desk("run", "runs/r")
        assert ran(desk) == {"0": 1, "1": 1, "2": 1}, step
        assert accepted(run) == ["done"] * 3
        if not died:
            break
