from __future__ import annotations

from pathlib import Path

import pytest

from manifest.errors import UserError
from manifest.site import (
    LocalSite,
    Site,
    SlurmPartition,
    SlurmSite,
    parse_site,
    read_site,
    site_text,
)

FULL = Site(
    slurm=SlurmSite(
        cluster="farm",
        version="22.05.8",
        max_array_size=1001,
        max_array_tasks=500,
        max_job_count=10000,
        max_submit_jobs=0,
        partitions={
            "main": SlurmPartition(default=True, max_walltime=93784, nodes=2, cpus=8),
            "no": SlurmPartition(memory=4000 << 20),
        },
    )
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FARMHAND_SITE", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


HERE = Site(local=LocalSite(jobs=8, memory=(48 << 30) + 1))


@pytest.mark.parametrize("site", [FULL, HERE, Site()])
def test_what_is_written_reads_back(site: Site) -> None:
    assert parse_site(site_text(site).encode(), "site.yaml") == site


def test_where_the_profile_lies(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, size: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"slurm: {{max_array_size: {size}}}\n", encoding="utf-8")

    assert read_site() == Site()
    write(home / ".config/farmhand/site.yaml", 1)
    assert read_site().slurm.max_array_size == 1
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    assert read_site() == Site()
    write(home / "xdg/farmhand/site.yaml", 2)
    assert read_site().slurm.max_array_size == 2
    monkeypatch.setenv("FARMHAND_SITE", str(home / "mine"))
    with pytest.raises(UserError, match="FARMHAND_SITE names a site profile that does not exist"):
        read_site()
    write(home / "mine", 3)
    assert read_site().slurm.max_array_size == 3
    monkeypatch.setenv("FARMHAND_SITE", "/dev/null")
    assert read_site() == Site()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("slurm: {max_array_size: 1001}", 1001),
        ("slurm: {max_array_size: 1001, max_array_tasks: 50}", 50),
        ("slurm: {max_array_size: 0, max_array_tasks: 50}", 0),
        ("slurm: {max_array_tasks: 50}", 50),
        ("slurm:\n  max_array_size:\n", None),
        ("# nothing\n\n", None),
    ],
)
def test_the_largest_array(text: str, expected: int | None) -> None:
    assert parse_site(text.encode(), "s").slurm.largest_array == expected


@pytest.mark.parametrize(
    ("text", "what", "where", "hint"),
    [
        ("slrm: {}", "unknown key 'slrm'", "s:1: slrm", "did you mean 'slurm'?"),
        (
            "slurm:\n  max_aray_size: 4",
            "unknown key 'max_aray_size'", "s:2: slurm.max_aray_size", "'max_array_size'",
        ),
        (
            "slurm:\n  partitions:\n    main:\n      walltime: 4h",
            "unknown key 'walltime'", "s:4: slurm.partitions.main.walltime", "'max_walltime'",
        ),
        ("slurm: {zzz: 1}", "unknown key 'zzz'", "s:1", "known here: cluster, max_array_size"),
        ("slurm: {max_job_count: many}", "'many' is not a whole number", "s:1", "digits"),
        ("local: {mem: 4 GB}", "unknown key 'mem'", "s:1", "did you mean 'memory'?"),
        ("local: {memory: 48}", "'48' has no unit", "s:1", ""),
        ("slurm: [a]", "slurm: a block of keys was expected", "s:1", ""),
        ("slurm: {max_array_size: 5000000}", "less than or equal to 4000001", "s:1", ""),
        ("slurm: {partitions: {a: {max_walltime: 4:00}}}", "write 4h or 4m", "s:1", ""),
        ("- a", "s is a list, not a block of keys", "", ""),
        ("slurm: {", "this is not YAML", "s:1", ""),
        ("slurm: \xff", "not UTF-8", "s:1", ""),
    ],
)  # fmt: skip
def test_a_damaged_profile_is_the_users_error(text: str, what: str, where: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_site(text.encode("latin-1"), "s")
    error = caught.value
    assert what in error.what
    assert where in (error.where or "")
    assert hint in (error.hint or "")


def test_a_profile_that_cannot_be_read_is_the_users_error(home: Path) -> None:
    (home / ".config/farmhand/site.yaml").mkdir(parents=True)
    with pytest.raises(UserError, match="the site profile cannot be read"):
        read_site()
