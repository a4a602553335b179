"""``doctor --hosts`` at real sshd: what they offer, and one clear message for each fault."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.clusters import farmer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ssh.conftest import Desk


def forced(script: str) -> tuple[str]:
    """What a login shell would do, done by the server: sshd_config(5), ForceCommand."""
    return (f"ForceCommand {script}",)


def test_all_hosts_are_asked_with_their_own_user_and_port(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    if os.geteuid() == 0:
        desk.farm.add("node3", user=farmer.NAME, more=[f"AllowUsers {farmer.NAME}"])
    desk.farm.hosts_file()
    out = desk.path / "preflight.json"
    found = desk.reports("--out", str(out), "--command", "sh")
    assert len(found) == len(desk.farm.hosts)
    for name, host in desk.farm.hosts.items():
        said = found[name]
        assert said["ok"], said
        assert said["workdir"] == f"{host.home}/.farmhand"
        assert said["logical"] == os.cpu_count()
        assert 1 <= said["physical"] <= said["logical"]
        assert said["memory"] > said["available"] > 1 << 20
        assert said["free"] > 1 << 20
        assert said["command"].endswith("/sh")
        assert said["skew_s"] == 0
        assert said["missing"] == []
    assert json.loads(out.read_bytes())["schema_version"] == "farmhand.preflight/1"


def test_it_says_whether_the_run_directory_is_shared(desk: Desk) -> None:
    desk.farm.add("node1")
    desk.farm.hosts_file()
    assert desk.reports()["node1"]["shared"] is True
    (desk.path / "runs").mkdir()
    assert desk.reports()["node1"]["shared"] is True
    assert os.listdir(desk.path / "runs") == []  # nothing is left of the question
    assert desk.reports("--out-dir", "/proc/1")["node1"]["shared"] is None  # nobody can write there


def test_the_table_fits_80_columns_and_marks_what_is_odd(desk: Desk) -> None:
    desk.farm.add(
        "node1", more=forced('unset PATH; PATH=/nowhere /bin/sh -c "$SSH_ORIGINAL_COMMAND"')
    )
    desk.farm.add("a-host-with-a-name-of-more-than-thirty-characters")
    hosts = desk.farm.hosts_file()
    done = desk("doctor", "--hosts", str(hosts), "--command", "no-such-program")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "the command is not on PATH" in done.stdout
    assert lines[0].split() == ["host", "cores", "memory", "load", "free", "shared", "skew"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"HostKeyAlias": "somebody-new"}, "Host key verification failed: its key is unknown"),
        ({"IdentityFile": "{keys}/stranger"}, "no key or ticket is accepted"),
    ],
)
def test_a_key_that_does_not_fit(desk: Desk, config: dict[str, str], words: str) -> None:
    desk.farm.add("node1")
    desk.farm.hosts_file()
    filled = {key: value.format(keys=desk.farm.keys) for key, value in config.items()}
    desk.farm.write_config(**filled)
    done = desk("doctor", "--hosts", str(desk.farm.path / "hosts.txt"), code=1)
    assert words in " ".join(done.stdout.split())
    assert "no host answers" in done.stderr


def test_a_host_that_hangs_costs_its_time_limit_and_no_more(desk: Desk) -> None:
    desk.farm.add("node1")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        path = desk.farm.hosts_file()
        port = mute.getsockname()[1]
        with path.open("a") as stream:
            stream.writelines(f"mute{i} port={port}\n" for i in range(8))
        before = time.monotonic()
        found = desk.reports("--timeout", "3")
        took = time.monotonic() - before
    assert found["node1"]["ok"]
    assert {found[f"mute{i}"]["problem"] for i in range(8)} == {"no answer within 3 s"}
    assert took < 8 * 3  # together, not one after the other


def test_a_host_that_is_not_there(desk: Desk) -> None:
    (node,) = desk.farm.add("node1")
    desk.farm.hosts_file()
    desk.farm.stop(node.name)
    assert "Connection refused" in desk.reports(code=1)["node1"]["problem"]


@pytest.mark.parametrize(
    "shell",
    [
        'echo "Welcome to the farm"; echo "use it well" >&2; exec sh -c "$SSH_ORIGINAL_COMMAND"',
        'exec tcsh -f -c "$SSH_ORIGINAL_COMMAND"',
    ],
    ids=["banner", "csh"],
)
def test_the_login_shell_does_not_matter(desk: Desk, shell: str) -> None:
    desk.farm.add("node1", more=forced(shell))
    desk.farm.hosts_file()
    said = desk.reports()["node1"]
    assert said["ok"], said
    assert said["logical"] == os.cpu_count()


def test_without_lscpu_the_kernel_is_asked(desk: Desk) -> None:
    tools = desk.farm.path / "tools"
    tools.mkdir()
    for name in os.listdir("/usr/bin"):
        if name not in ("lscpu", "nproc"):
            (tools / name).symlink_to(f"/usr/bin/{name}")
    script = f'PATH={tools}; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    desk.farm.add("node1", more=forced(script))
    desk.farm.hosts_file()
    said = desk.reports("--command", "lscpu")["node1"]
    assert said["command"] == "-"
    assert said["logical"] == os.cpu_count()
    assert 1 <= said["physical"] <= said["logical"]
    assert said["cpu_model"]


def test_a_login_shell_that_runs_nothing_says_so(desk: Desk) -> None:
    desk.farm.add("node1", more=forced("echo This account is not available.; exit 1"))
    desk.farm.hosts_file()
    problem = desk.reports(code=1)["node1"]["problem"]
    assert "did not run what it was told" in problem
    assert "This account is not available." in problem


def test_a_wrong_hosts_file_is_refused_before_anybody_is_asked(desk: Desk, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("node1\nnode2 prot=22\n")
    done = desk("preflight", "--hosts", str(hosts), code=2)
    assert "unknown key 'prot'; did you mean 'port'?" in done.stderr
    assert f"{hosts}:2" in done.stderr
