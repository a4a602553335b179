"""What is said to ssh and heard from hosts, without any host."""

from __future__ import annotations

import re
import shlex
import subprocess
from base64 import b64decode
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.hosts import Host
from manifest.ssh_section import Remote
from manifest.ssh_section import Ssh as SshSection
from runners.asked import Asked
from runners.remote_run import Launch, new_launch, seen_in
from runners.ssh import Ssh, framed, script_text, unanswered
from runners.ssh_copy import parse_sum

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
LAUNCH = Launch("node-1", 7, 0, 1)


def test_user_port_key_and_configuration_reach_ssh() -> None:
    remote = Remote(key="/k", config="/c")
    argv = Ssh(remote, 100).argv(Host(name="n", user="ana", port=2222), "true")
    words = " ".join(argv[:-1])
    assert words.endswith("-F /c -i /k -l ana -p 2222 n")
    assert "BatchMode=yes" in words
    assert "ControlMaster" not in words  # of a hundred hosts no connection is kept open


def test_the_path_of_a_socket_fits() -> None:
    with Ssh(Remote(), 2) as ssh:
        (path,) = re.findall(r"ControlPath=(\S+)", " ".join(ssh.argv(Host(name="n"), "true")))
    assert len(path.replace("%C", 40 * "x")) + len(".0123456789abcdef") < 108


@given(TEXT, TEXT)
def test_a_script_arrives_whole_and_its_variables_as_they_are(one: str, two: str) -> None:
    argv = Ssh(Remote(), 100).argv(Host(name="n"), f'one={shlex.quote(one)}\nprintf %s "$one"')
    assert re.fullmatch(r"[A-Za-z0-9+/= '\"$()|%-]+", argv[-1])
    text = b64decode(argv[-1].split("%s ")[1].split(" ")[0]).decode()
    assert text.startswith(f"one={shlex.quote(one)}")
    assert script_text("ssh_probe.sh", {"a": two}).startswith(f"a={shlex.quote(two)}\n")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_runs_what_is_sent(shell: str) -> None:
    argv = Ssh(Remote(), 100).argv(Host(name="n"), framed('echo "it is $((1 + 1))"', "mark"))
    done = subprocess.run([shell, "-c", argv[-1]], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["", "mark", "it is 2", "", "mark.end", ""]


@pytest.mark.parametrize(
    ("said", "problem", "final"),
    [
        (Asked(255, err="ssh: connect to host n port 22: Connection refused\n"),
         "connect to host n port 22: Connection refused", False),
        (Asked(255, err="me@n: Permission denied (publickey).\n"),
         "me@n: Permission denied (publickey): no key or ticket is accepted", True),
        (Asked(255, err="ssh: Could not resolve hostname n: nope\n"),
         "ssh: Could not resolve hostname n: nope: is the name spelled right?", True),
        (Asked(255), "the connection was lost", False),
        (Asked(1, out="No logins today\n"), "its login shell did not run what it was told", False),
        (Asked(None, problem="no answer within 3 s"), "no answer within 3 s", False),
    ],
)  # fmt: skip
def test_one_clear_sentence_for_each_fault(said: Asked, problem: str, final: bool) -> None:
    reply = unanswered(Host(name="n"), said)
    assert reply.lines is None
    assert (reply.problem or "").startswith(problem)
    assert reply.final is final


def test_what_a_host_says_of_launches() -> None:
    record = "7.node-1.1700000000.0123456789ab.jsonl"
    lines = [
        "launch stranger gone",
        "record 7.node-1.x.jsonl",
        "launch node-1 gone",
        "pid 17 4242",
        "record ../../etc/passwd",
        "record 8.node-1.1.2.jsonl",
        f"record {record}",
        'line {"event":"start"}',
        "line ",
        "log the last words",
        "launch node-1 alive",
    ]
    (seen,) = seen_in(lines, {"node-1": LAUNCH})
    assert (seen.how, seen.pid, seen.record, seen.log) == ("gone", 17, record, "the last words")
    assert seen.lines == ['{"event":"start"}', ""]


@given(st.lists(st.text(max_size=30), max_size=20))
def test_whatever_a_host_says_there_is_no_other_launch(lines: list[str]) -> None:
    for seen in seen_in(lines, {"node-1": LAUNCH}):
        assert seen.launch is LAUNCH
        assert seen.record is None or seen.record.startswith("7.node-1.")


def test_launches_have_ids_that_files_may_have() -> None:
    ids = {new_launch(Host(name=name)) for name in ["[::1]", "a.b", "a.b", 60 * "x"]}
    assert len(ids) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9-]{1,49}", one) for one in ids)


@given(st.text(st.sampled_from("ab \\\n\r'"), min_size=1, max_size=12))
def test_names_of_files_come_through_checksums(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder: Path = tmp_path_factory.mktemp("sums")
    (folder / name).write_text("x")
    done = subprocess.run(["sha256sum", "--", name], cwd=folder, capture_output=True, check=True)
    (line,) = done.stdout.splitlines()
    assert parse_sum(line)[1] == name.encode()


def test_what_the_spec_says_of_hosts_counts_before_the_site() -> None:
    site = Remote(workdir="/site", key="~/k")
    assert SshSection(workdir="/spec").over(site) == Remote(workdir="/spec", key="~/k")


@pytest.mark.parametrize("name", ["probe", "prepare", "receive", "turn", "send"])
def test_what_hosts_run_is_plain_posix_shell(name: str) -> None:
    words = ["shellcheck", "--shell=sh", "--exclude=SC2062"]  # that grep's - is its standard input
    path = resources.files("templates").joinpath(f"ssh_{name}.sh")
    done = subprocess.run([*words, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
