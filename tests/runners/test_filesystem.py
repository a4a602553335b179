from __future__ import annotations

import os
from pathlib import Path

import pytest

from runners.filesystem import Quota, filesystem_of, quota_on

MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
60 27 0:50 / /home rw,relatime shared:30 - autofs auto.home rw,fd=5
61 60 0:51 / /home/ann rw,nosuid shared:31 master:2 - nfs4 srv:/export/ann rw,sec=krb5p
62 27 0:52 /sub /mnt/my\\040disk rw,relatime - xfs /dev/sdb1 rw
63 27 0:53 / /scratch rw - lustre 10.0.0.1@tcp:/scratch rw,flock
64 27 0:54 / /scratch rw - tmpfs tmpfs rw
65 27 0:55 / /eos rw - fuse.eosxd eos rw
damaged
"""


@pytest.mark.parametrize(
    ("path", "kind", "source", "option"),
    [
        ("/nowhere/x", "ext4", "/dev/vda", "discard"),
        ("/home/ann/runs/not/yet", "nfs4", "srv:/export/ann", "sec=krb5p"),
        ("/home/annette", "autofs", "auto.home", "rw"),
        ("/mnt/my disk", "xfs", "/dev/sdb1", "relatime"),
        ("/scratch/a", "tmpfs", "tmpfs", "rw"),  # what is mounted last hides the other
        ("/eos/user", "fuse.eosxd", "eos", "rw"),
    ],
)
def test_the_deepest_mount_counts(
    tmp_path: Path, path: str, kind: str, source: str, option: str
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS, encoding="utf-8")
    found = filesystem_of(path, str(tmp_path))
    assert found is not None
    assert (found.kind, found.source) == (kind, source)
    assert option in found.options


def test_real_mounts_are_told_through_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self")
    found = filesystem_of(str(tmp_path / "link"))
    assert found is not None
    assert (found.kind, found.mount) == ("proc", "/proc")


def test_without_a_kernel_that_tells_nothing_is_known(tmp_path: Path) -> None:
    assert filesystem_of("/", str(tmp_path)) is None


QUOTAS = """\
Disk quotas for user ann (uid 1001):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
/dev/vda  1500*    1000    2000  1700000000      12       0       0       0
srv:/export/annex    90     100       0       0       7       5      10       0
srv:/export/ann      10       0       0       0       7       0       0       0
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/dev/vda", Quota(1500 << 10, 1000 << 10, 12, None, True)),
        ("srv:/export/ann", None),  # no limits
        ("srv:/export/annex", Quota(90 << 10, 100 << 10, 7, 5, False)),
        ("srv:/export", None),
    ],
)
def test_quota_of_one_filesystem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, expected: Quota | None
) -> None:
    """In the columns of quota(1) with --raw-grace; exit code 1 says that some quota is exceeded."""
    command = tmp_path / "quota"
    command.write_text(f"#!/bin/bash\ncat <<'E'\n{QUOTAS}E\nexit 1\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert quota_on(source) == expected


def test_no_quota_command_is_no_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert quota_on("/dev/vda") is None
