"""The bundle: packed once, the same bytes each time; on the node whole, or not used at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import UserError
from manifest.software import Bundle
from renderer.bundle import find_members, pack, sums_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.software.conftest import Desk

slow = pytest.mark.slow


def packed(path: Path, **asked: Any) -> list[str]:
    return [member.name for member in find_members(Bundle(**asked), str(path))]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name, order in (("one", "abc"), ("two", "cab")):
        top = tmp_path / name
        (top / "ä dir").mkdir(parents=True)
        for letter in order:
            path = top / "ä dir" / letter
            path.write_text(letter)
            path.chmod(0o755 if letter == "a" else 0o640)
            os.utime(path, (len(made) * 1000, len(made) * 1000))
        (top / "link").symlink_to("ä dir/a")
        members = find_members(Bundle(), str(top))
        made.append((pack(members), sums_of(members)))
    assert made[0] == made[1]
    assert made[0][0][4:8] == bytes(4)  # no time: RFC 1952, 2.3.1
    (tmp_path / "t").write_bytes(made[0][0])
    with tarfile.open(tmp_path / "t") as tar:
        listed = [(m.name, m.mode, m.mtime, m.uid, m.uname) for m in tar]
    assert listed == [
        ("link", 0o755, 0, 0, ""),
        ("ä dir", 0o755, 0, 0, ""),
        ("ä dir/a", 0o755, 0, 0, ""),
        ("ä dir/b", 0o644, 0, 0, ""),
        ("ä dir/c", 0o644, 0, 0, ""),
    ]


def test_what_is_packed_and_what_is_left_out(tmp_path: Path) -> None:
    for name in (
        *("a.C", "sub/b.C", "sub/b.root", "sub/deep/c.py", "plots/p.png", "[x]/d.C"),
        *(".git/HEAD", "__pycache__/x.pyc", "y.pyc", "runs/r/plan/id", "runs/r/big"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    everything = ["[x]", "[x]/d.C", "a.C", "plots", "plots/p.png", "runs", "runs/r", "sub"]
    below = ["sub/b.C", "sub/b.root", "sub/deep", "sub/deep/c.py"]
    assert packed(tmp_path) == [*everything, *below]
    assert packed(tmp_path, paths="*.C") == ["a.C"]
    assert packed(tmp_path, paths=["**/*.C"]) == ["[x]/d.C", "a.C", "sub/b.C"]
    assert packed(tmp_path, paths="sub", exclude=["*.root", "sub/deep"]) == ["sub", "sub/b.C"]
    assert packed(tmp_path, directory="sub", exclude="deep") == ["b.C", "b.root"]


def refused(path: Path, **asked: Any) -> str:
    with pytest.raises(UserError) as error:
        find_members(Bundle(**asked), str(path))
    return str(error.value)


@pytest.mark.parametrize("target", ["../outside", "/etc/passwd", "nowhere", "left_out", "loop"])
def test_a_link_to_what_is_not_packed_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").write_text("x")
    top = tmp_path / "top"
    top.mkdir()
    (top / "left_out").write_text("x")
    (top / "file").write_text("x")
    (top / "loop").symlink_to(target)
    said = refused(top, exclude=["left_out"])
    assert f"the link 'loop' leads to {target}, which is not in the bundle" in said
    assert "exclude: ['loop']" in said
    assert packed(top, exclude=["left_out", "loop"]) == ["file"]


def test_what_cannot_be_packed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no such directory" in refused(tmp_path, directory="no")
    assert "nothing is left to pack" in refused(tmp_path)
    assert "nothing matches '*.C'" in refused(tmp_path, paths="*.C")
    assert "No such file" in refused(tmp_path, paths="a.C")
    (tmp_path / "new\nline").write_text("x")
    assert "a line end or a backslash" in refused(tmp_path)
    (tmp_path / "new\nline").unlink()
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("sock")
        assert "neither a file nor a directory" in refused(tmp_path)
    (tmp_path / "sock").unlink()
    monkeypatch.setattr("renderer.bundle.LARGEST", 10)
    (tmp_path / "data").write_text("12345678901")
    assert "the bundle is larger than 10 B" in refused(tmp_path)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_what_cannot_be_read_is_named(what: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "closed").touch() if what == "file" else (top / "closed").mkdir()
        (top / "closed").chmod(0)
        top.chmod(0o755)
        with nobody():
            said = refused(top)
        assert "the bundle cannot be packed: Permission denied" in said
        assert f"{name}/closed" in said
        (top / "closed").chmod(0o700)


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Root may read everything: be somebody else for a moment."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@slow
def test_a_changed_source_does_not_change_the_run(desk: Desk) -> None:
    desk.render()
    assert "changed" not in desk("submit", "runs/r")
    desk.write("job.sh", 'echo "two $1"\n')
    desk.write("more.sh", "")
    said = desk("submit", "runs/r")
    assert "the sources of the bundle were changed after the render: job.sh, more.sh" in said
    desk.run()
    assert desk.stdouts() == ["one 0\n", "one 1\n"]
    assert list(desk.path.glob("runs/r/shards/*/*/.bundle*")) == []


@slow
def test_the_prologue_and_the_environment_see_it(desk: Desk) -> None:
    desk.write("setup.sh", 'export FROM_SETUP="$FARMHAND_BUNDLE"\n')
    script = 'test "$A" = "$FROM_SETUP/x" && cat "$1"'
    desk.render(
        command=["bash", "-c", script, "x", "{{ bundle.dir }}/job.sh"],
        env={"A": "{{ bundle.dir }}/x"}, prologue='. "$FARMHAND_BUNDLE/setup.sh"',
    )  # fmt: skip
    desk.run()
    assert desk.stdouts() == ['echo "one $1"\n'] * 2


def test_a_dry_run_says_what_cannot_be_packed(desk: Desk) -> None:
    (desk.path / "code/away").symlink_to("/etc/passwd")
    spec = {"name": "r", "work": {"count": 1}, "command": ["true"], "bundle": {"paths": "code"}}
    said = desk("render", "-", "--dry-run", stdin=json.dumps(spec), code=2)
    assert "the link 'code/away' leads to /etc/passwd" in said


def test_bundle_dir_without_a_bundle_is_refused(desk: Desk) -> None:
    said = desk.render(code=2, bundle=None)
    assert "bundle.dir is not defined" in said
    assert "declare it under bundle:" in said


@slow
@pytest.mark.parametrize("cached", [False, True])
def test_a_damaged_tarball_is_never_used(desk: Desk, cached: bool) -> None:
    cache = {"cache": f"{desk.path}/node"} if cached else {}
    desk.render(bundle={"directory": "code", **cache})
    whole = desk.tarball.read_bytes()
    desk.tarball.write_bytes(whole[:-20] + bytes(20))
    assert "the plan was edited" in desk("run", "runs/r", code=1)
    digest = hashlib.sha256(desk.tarball.read_bytes()).hexdigest()
    payload(desk, 0)
    gone = desk.tarball
    gone.unlink()
    payload(desk, 1)
    gone.write_bytes(whole)
    first, second = desk.results()
    assert [first["cause"], second["cause"]] == ["setup", "setup"]
    assert f"is not the one that was packed: sha256 {digest}" in first["evidence"]
    assert "is not the one that was packed: it cannot be read" in second["evidence"]
    assert desk.stdouts() == []
    assert list(desk.path.glob("node/*/tree*")) == []


def payload(desk: Desk, shard: int, **env: str) -> subprocess.Popen[bytes]:
    """Start a shard as a job would, and wait for it."""
    process = start(desk, shard, **env)
    process.wait(60)
    return process


def start(desk: Desk, shard: int, **env: str) -> subprocess.Popen[bytes]:
    plan_id = (desk.path / "runs/r/plan/id").read_text().strip()
    words = [str(desk.path / "runs/r/plan/shard.sh"), plan_id, "1", "nohup", "-", "0", "0"]
    return subprocess.Popen(
        ["bash", *words, str(shard)], env={**os.environ, **env}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


@slow
@pytest.mark.parametrize("cached", [False, True])
def test_a_full_disk_is_a_setup_failure_and_leaves_nothing(desk: Desk, cached: bool) -> None:
    desk.write("big", "x" * 200_000)
    cache = {"cache": f"{desk.path}/node"} if cached else {}
    desk.render(bundle={"directory": "code", **cache})
    plan_id = (desk.path / "runs/r/plan/id").read_text().strip()
    script = 'ulimit -f 64; trap "" XFSZ; exec bash "$@"'  # blocks of 1 KiB, as on a full disk
    words = [str(desk.path / "runs/r/plan/shard.sh"), plan_id, "1", "nohup", "-", "0", "0", "0"]
    done = subprocess.run(["bash", "-c", script, "x", *words], capture_output=True, check=False)
    assert done.returncode == 91
    row = desk.results()[0]
    assert row["cause"] == "setup"
    assert "the bundle cannot be unpacked to" in row["evidence"]
    assert list(desk.path.glob("node/*/tree*")) == []
    assert list(desk.path.glob("runs/r/shards/*/*/.bundle*")) == []
    desk.run()
    assert desk.stdouts() == ["one 0\n", "one 1\n"]


@slow
def test_the_jobs_of_a_node_unpack_once(desk: Desk) -> None:
    tars = count_tar(desk)
    desk.render(
        work={"count": 6}, shards=6, bundle={"directory": "code", "cache": "$NODE/b"},
    )  # fmt: skip
    desk.env |= {"NODE": f"{desk.path}/node"}
    desk.run("--jobs", "6")
    assert desk.stdouts() == [f"one {n}\n" for n in range(6)]
    assert len(tars.read_text().splitlines()) == 1
    assert [path.name for path in desk.path.glob("node/b/*/*")].count("tree") == 1


def count_tar(desk: Desk, then: str = "") -> Path:
    """Put a tar first on PATH that notes each call; returns where."""
    real, tools, calls = shutil.which("tar"), desk.path / "bin", desk.path / "calls"
    tools.mkdir()
    (tools / "tar").write_text(f'#!/bin/bash\necho x >>{calls}\n{then}\nexec {real} "$@"\n')
    (tools / "tar").chmod(0o755)
    desk.env = {"PATH": f"{tools}:{os.environ['PATH']}"}
    return calls


@slow
def test_a_job_killed_while_it_unpacks_leaves_no_lock_and_no_half_copy(desk: Desk) -> None:
    hang = f'touch "$5/half"; echo $$ >{desk.path}/hangs; exec sleep 300'
    hang = f"[ -e {desk.path}/freed ] || {{ {hang}; }}"
    tars = count_tar(desk, hang)
    desk.render(bundle={"directory": "code", "cache": f"{desk.path}/node"})
    first = start(desk, 0, **desk.env)
    wait_for(desk.path / "hangs")
    (desk.path / "freed").touch()
    second = start(desk, 1, **desk.env)
    record = wait_for_record(desk, 1)
    os.killpg(first.pid, signal.SIGKILL)  # the payload, and the tar that it waits for
    first.wait(60)
    assert second.wait(60) == 0, record.read_text()
    assert desk.stdouts() == ["one 1\n"]
    assert sorted(path.name for path in desk.path.glob("node/*/*")) == ["lock", "tree"]
    assert len(tars.read_text().splitlines()) == 2


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < end, f"{path} is not there"
        time.sleep(0.05)


def wait_for_record(desk: Desk, shard: int) -> Path:
    end = time.monotonic() + 60
    while not (found := list((desk.path / "runs/r/records/0").glob(f"{shard}.*"))):
        assert time.monotonic() < end, f"shard {shard} does not start"
        time.sleep(0.05)
    return found[0]


@slow
@pytest.mark.parametrize("harm", ["gone", "changed", "empty"])
def test_a_copy_that_was_harmed_is_made_again(desk: Desk, harm: str) -> None:
    """A cleaner of /tmp takes old files, a job writes where it should not."""
    tars = count_tar(desk)
    desk.render(bundle={"directory": "code", "cache": f"{desk.path}/node"})
    desk.run("--shards", "0")
    (tree,) = desk.path.glob("node/*/tree")
    if harm == "gone":
        (tree / "job.sh").unlink()
    elif harm == "changed":
        (tree / "job.sh").write_text('echo "bad $1"\n')
    else:
        shutil.rmtree(tree)
        tree.mkdir()
    (tree / "__pycache__").mkdir()
    desk.run()
    assert desk.stdouts() == ["one 0\n", "one 1\n"]
    assert len(tars.read_text().splitlines()) == 2
    assert sorted(path.name for path in desk.path.glob("node/*/*")) == ["lock", "tree"]


@slow
def test_a_cache_of_somebody_else_is_not_trusted(desk: Desk) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    desk.render(bundle={"directory": "code", "cache": f"{desk.path}/node"})
    desk.run("--shards", "0")
    (place,) = desk.path.glob("node/*")
    os.chown(place, 65534, 65534)
    desk.run(code=1)
    evidence = desk.results()[1]["evidence"]
    assert f"bundle.cache: {place} cannot be used" in evidence


@slow
def test_a_cache_in_a_variable_that_is_not_set_says_so(desk: Desk) -> None:
    desk.render(bundle={"directory": "code", "cache": "$NO_SUCH/b"})
    desk.run(code=1)
    assert "bundle.cache is in $NO_SUCH, which is not set" in desk.results()[0]["evidence"]


@slow
def test_nohup_scripts_use_it_too(desk: Desk) -> None:
    spec = {
        "name": "r", "work": {"count": 1}, "bundle": {"directory": "code"},
        "command": ["bash", "{{ bundle.dir }}/job.sh", "x"],
    }  # fmt: skip
    desk("render", "-", "--scheduler", "nohup", "--run-id", "r", stdin=json.dumps(spec))
    (script,) = desk.path.glob("runs/r/shards/*/batchScript.sh")
    subprocess.run([str(script)], cwd="/", check=True, timeout=60, capture_output=True)
    assert desk.stdouts() == ["one x\n"]
