"""Where the private pool's HTCondor comes from: made once, whole or not used, fit where it lies."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clusters import condor_pool, condor_root
from tests.clusters.condor import Condor
from tests.clusters.daemons import ClusterError


@pytest.mark.htcondor  # by root, who alone may make it
def test_a_root_that_is_not_whole_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    monkeypatch.setattr(condor_root, "root", lambda: root)
    with pytest.raises(ClusterError, match="type: make schedulers"):
        Condor(tmp_path / "pool").up()
    ran: list[list[str]] = []
    monkeypatch.setattr(condor_root, "run", lambda argv, _lock: ran.append(list(argv)))
    root.mkdir()  # as if it had been made to a part
    condor_root.make(root)
    assert ran[-1][2:] == [str(root), condor_root.SUITE, condor_root.RECIPE]
    number = len(ran)
    (root / "made").write_text(f"{condor_root.RECIPE}\n{root}\n", encoding="utf-8")
    condor_root.make(root)
    assert len(ran) == number
    (root / "made").write_text(f"{condor_root.RECIPE} of old\n{root}\n", encoding="utf-8")
    condor_root.make(root)
    assert len(ran) > number


def test_a_root_that_was_moved_is_made_fit_without_a_network(
    condor: Condor, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = condor_root.root()
    moved = condor.workspace("moved") / "root"
    subprocess.run(["cp", "-a", str(root), str(moved)], check=True)
    assert not condor_root.is_made(moved)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    condor_root.make(moved)
    assert condor_root.is_made(moved)
    traced = {"LD_TRACE_LOADED_OBJECTS": "1"}
    for name in ("usr/bin/condor_q", "usr/sbin/condor_schedd", "usr/libexec/condor/curl_plugin"):
        done = subprocess.run(
            [moved / name], env=traced, capture_output=True, text=True, check=True
        )
        assert f"{moved}/usr/lib/" in done.stdout
        assert f"{root}/" not in done.stdout
    shutil.rmtree(moved)


def test_the_root_is_where_other_users_can_get(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("FARMHAND_CACHE", str(closed / "cache"))
    assert condor_root.root().parent == Path("/var/cache/farmhand")
    monkeypatch.setenv("FARMHAND_CACHE", "/var/tmp/farmhand-cache")
    assert condor_root.root().parent == Path("/var/tmp/farmhand-cache")


def test_a_path_too_long_for_sockets_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(condor_pool, "check_machine", lambda: tmp_path)
    with pytest.raises(ClusterError, match="too long"):
        Condor(tmp_path / ("x" * 80)).up()
