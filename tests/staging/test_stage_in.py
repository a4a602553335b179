"""Files that come to the node: whole or not at all, once a node, whoever dies on the way."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.staging.conftest import Depot

pytestmark = pytest.mark.slow


def stdouts(depot: Depot) -> list[bytes]:
    return [p.read_bytes() for p in sorted(depot.path.glob("runs/r/shards/*/*/out.txt"))]


def test_a_file_of_ones_own(depot: Depot) -> None:
    url = depot.put("a b'$x.bin", b"hello\n")
    depot.render(depot.spec([url]))
    depot.run()
    assert stdouts(depot) == [b"hello\n"]
    [end] = depot.ends()
    assert end["staged"] == [{"url": url, "bytes": 6, "from": "store"}]
    assert list(depot.path.glob("runs/r/shards/*/*/staged")) == []


def test_the_jobs_of_a_node_share_one_copy(depot: Depot) -> None:
    url = depot.put("big", b"x" * 5000)
    spec = depot.spec([url], staging={"cache": str(depot.path / "node")})
    spec["components"] = {f"c{n}": {"files": [url]} for n in range(6)}
    slow = 'sleep 0.5; fine "$@"'
    spec["staging"]["commands"] = {"depot": depot.commands(get=slow)}
    depot.render(spec)
    depot.run(0, "--jobs", "6")
    assert depot.calls("get") == ["store/big"]
    assert sorted(end["staged"][0]["from"] for end in depot.ends()) == ["cache"] * 5 + ["store"]
    assert stdouts(depot) == [b"x" * 5000] * 6
    assert depot.left() == ["big"]


def test_files_of_one_name_do_not_meet(depot: Depot) -> None:
    (depot.path / "store/a").mkdir()
    (depot.path / "store/b").mkdir()
    urls = [depot.put("a/d.root", b"one\n"), depot.put("b/d.root", b"two\n")]
    for cache in ("none", str(depot.path / "node")):
        spec = depot.spec(urls, staging={"cache": cache})
        spec["components"] = {"c": {"files": urls}}
        depot("render", "-", "--run-id", f"r{len(cache)}", stdin=json.dumps(spec))
        depot("run", f"runs/r{len(cache)}")
        [out] = depot.path.glob(f"runs/r{len(cache)}/shards/*/*/out.txt")
        assert out.read_bytes() == b"one\ntwo\n"


def test_a_short_copy_is_tried_again(depot: Depot) -> None:
    url = depot.put("a", b"0123456789")
    short = '[ -e once ] && fine "$@" || { touch once; head -c 4 "$at" >"$2"; }'
    spec = depot.spec([url], staging={"commands": {"depot": depot.commands(get=short)}})
    depot.render(spec)
    depot.run()
    assert stdouts(depot) == [b"0123456789"]
    assert len(depot.calls("get")) == 2


@pytest.mark.parametrize(
    ("scripts", "told"),
    [
        ({"get": 'head -c 4 "$at" >"$2"'}, "in 2 tries: 4 bytes here, 10 there"),
        ({"get": 'echo 0123456789 | tr 5 6 | head -c 10 >"$2"'}, "md5 "),
        ({"get": "echo no such server >&2; exit 7"}, "exit code 7; no such server"),
        ({"get": "exit 0"}, "nothing arrived"),
        ({"size": "echo down >&2; exit 1"}, "its size cannot be asked: down"),
        ({"get": "kill -9 $$"}, "exit code 137"),
    ],
)
@pytest.mark.parametrize("cache", ["none", "node"])
def test_what_does_not_arrive_whole_is_not_used(
    depot: Depot, scripts: dict[str, str], told: str, cache: str
) -> None:
    url = depot.put("a", b"0123456789")
    place = cache if cache == "none" else str(depot.path / cache)
    commands = {"depot": depot.commands(**scripts)}
    depot.render(depot.spec([url], staging={"commands": commands, "retries": 1, "cache": place}))
    depot.run(1)
    [end] = depot.ends()
    assert (end["exit_code"], end["cause"]) == (92, "stage_in")
    assert end["note"].startswith(f"{url} could not be copied here in 2 tries")
    assert told in end["note"]
    assert depot.left() == []
    assert stdouts(depot) == []
    assert '"stage_in"' in depot("check", "runs/r", "--json", code=1)


def test_a_store_that_says_nothing_of_sizes_and_sums_is_believed(depot: Depot) -> None:
    url = depot.put("a", b"0123456789")
    commands = {"depot": depot.commands(size="", sum="")}
    depot.render(depot.spec([url], staging={"commands": commands}))
    depot.run()
    assert stdouts(depot) == [b"0123456789"]


def test_a_transfer_has_a_time_limit(depot: Depot) -> None:
    url = depot.put("a", b"0123456789")
    commands = {"depot": depot.commands(get="sleep 600")}
    depot.render(depot.spec([url], staging={"commands": commands, "retries": 0, "timeout": "1s"}))
    depot.run(1)
    assert "in 1 tries: exit code 124" in depot.ends()[0]["note"]


def payload(depot: Depot, shard: int) -> subprocess.Popen[bytes]:
    plan = (depot.path / "runs/r/plan/id").read_text().strip()
    call = f"exec bash runs/r/plan/shard.sh {plan} 1 nohup - 0 0 {shard}"
    return subprocess.Popen(["bash", "-c", call], cwd=depot.path)


def until(path: object) -> None:
    deadline = time.monotonic() + 30
    while not os.path.exists(str(path)):
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def test_whoever_dies_with_the_lock_holds_nobody_up(depot: Depot) -> None:
    url = depot.put("a", b"0123456789")
    slow = '[ -e second ] || { head -c 4 "$at" >"$2"; touch half; sleep 600; }; fine "$@"'
    spec = depot.spec([url], staging={"cache": str(depot.path / "node")})
    spec["staging"]["commands"] = {"depot": depot.commands(get=slow)}
    spec["components"] = {"c0": {"files": [url]}, "c1": {"files": [url]}}
    depot.render(spec)
    first = payload(depot, 0)
    until(depot.path / "half")
    waiting = payload(depot, 1)
    (depot.path / "second").touch()
    family = subprocess.run(
        ["pgrep", "-f", shlex.quote(str(depot.path))], capture_output=True, text=True, check=False
    ).stdout.split()
    os.kill(first.pid, signal.SIGKILL)
    for pid in family:  # the node went down under that job, and its copy with it
        if int(pid) != waiting.pid and b"depot" in cmdline(pid):
            os.kill(int(pid), signal.SIGKILL)
    first.wait()
    assert waiting.wait(60) == 0
    assert stdouts(depot) == [b"0123456789"]
    assert depot.left() == ["a"]


def cmdline(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_a_stop_during_a_copy_ends_it(depot: Depot) -> None:
    url = depot.put("a", b"0123456789")
    slow = 'head -c 4 "$at" >"$2"; touch half; sleep 600'
    spec = depot.spec([url], staging={"cache": str(depot.path / "node")})
    spec["staging"]["commands"] = {"depot": depot.commands(get=slow)}
    depot.render(spec)
    job = payload(depot, 0)
    until(depot.path / "half")
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 95
    [end] = depot.ends()
    assert (end["cause"], end["stopped_by"]) == ("cancelled", 15)
    assert depot.left() == []


def test_the_oldest_that_nobody_uses_makes_room(depot: Depot) -> None:
    urls = [depot.put(name, name.encode() * 40_000) for name in "abc"]
    spec = depot.spec(urls, staging={"cache": str(depot.path / "node"), "cache_limit": "120 KB"})
    depot.render(spec)
    for shard in (0, 1, 0, 2):  # a is used again, so b is the one that goes
        assert payload(depot, shard).wait(30) == 0
        time.sleep(0.05)
    assert depot.left() == ["a", "c"]
    assert depot.calls("get") == ["store/a", "store/b", "store/c"]


def test_a_file_too_large_for_the_cache_goes_past_it(depot: Depot) -> None:
    url = depot.put("a", b"x" * 50_000)
    spec = depot.spec([url], staging={"cache": str(depot.path / "node"), "cache_limit": "20 KB"})
    depot.render(spec)
    depot.run()
    assert stdouts(depot) == [b"x" * 50_000]
    assert depot.left() == []


def test_a_cache_that_is_nowhere_here(depot: Depot) -> None:
    url = depot.put("a", b"x")
    depot.render(depot.spec([url], staging={"cache": "$NO_SUCH_VARIABLE/cache"}))
    depot.run(1)
    assert "staging.cache is in $NO_SUCH_VARIABLE, which is not set" in depot.ends()[0]["note"]


def test_urls_stay_urls_unless_asked(depot: Depot) -> None:
    spec = depot.spec(["depot://store/a"])
    del spec["staging"]
    spec["script"] = 'echo "$@" >out.txt'
    depot.render(spec)
    depot.run()
    assert stdouts(depot) == [b"depot://store/a\n"]
    assert "staged" not in depot.ends()[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"staging": {"commands": {}}}, "nobody has said how files are copied from depot://"),
        ({"staging": {"cache": "relative"}}, "cache: is an absolute directory on the nodes"),
        ({"staging": {"cache_limit": "1 GB"}}, "cache_limit: is for a cache:"),
        ({"staging": {"commands": {"depot": {"get": ["cp", "{{ uri }}"]}}}},
         "what can be filled in here is {{ url }}, {{ file }}"),
        ({"staging": {"commands": {"de pot": {}}}}, "is not the scheme of a URL"),
        ({"components": {"c": {"files": ["depot://me:secret@host/a"]}}}, "a URL with a password"),
    ],
)  # fmt: skip
def test_refused_at_the_render(depot: Depot, change: dict[str, object], told: str) -> None:
    spec = depot.spec(["depot://store/a"]) | change
    assert told in depot.render(spec, code=2)
    assert not (depot.path / "runs/r").exists()


def test_names_of_the_cache_itself_are_no_trouble(depot: Depot) -> None:
    urls = [depot.put(name, name.encode() + b"\n") for name in ("lock", "used", "a.part-1")]
    spec = depot.spec(urls, staging={"cache": str(depot.path / "node")})
    spec["components"] = {f"c{n}": {"files": [url]} for n, url in enumerate([*urls, *urls])}
    depot.render(spec)
    depot.run()
    assert stdouts(depot) == [b"lock\n", b"used\n", b"a.part-1\n"] * 2
    assert sorted(end["staged"][0]["from"] for end in depot.ends()) == ["cache"] * 3 + ["store"] * 3


def test_a_shard_without_a_directory_sweeps_nothing(depot: Depot) -> None:
    """Without it, what is swept would begin at the root of the file system."""
    url = depot.put("a", b"hello\n")
    depot.render(depot.spec([url]))
    (depot.path / "runs/r/plan/args/0").write_text("")
    rm = depot.path / "bin/rm"
    rm.parent.mkdir(exist_ok=True)
    rm.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >>{depot.path}/swept\nexec /bin/rm "$@"\n')
    rm.chmod(0o755)
    plan = (depot.path / "runs/r/plan/id").read_text().strip()
    for mine in ({}, {"FARMHAND_ATTEMPT": str(depot.path)}):
        done = subprocess.run(
            ["bash", depot.path / "runs/r/plan/shard.sh", plan, "1", "local", "1", "0", "0", "0"],
            env={**os.environ, "PATH": f"{rm.parent}:{os.environ['PATH']}"} | mine,
            check=False,
        )
        assert done.returncode == 91, "its line in the plan is gone"
    swept = depot.path / "swept"
    assert not swept.exists() or "staged" not in swept.read_text()
