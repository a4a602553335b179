import os
from pathlib import Path

import pytest

from manifest.errors import Refusal, UserError
from runners.host_limits import HostLimits, host_limits
from runners.slots import choose_slots

GB = 1 << 30


def limits(cores: int, gigabytes: float | None) -> HostLimits:
    return HostLimits(cores, None if gigabytes is None else int(gigabytes * GB))


def test_cores_decide_and_the_reason_names_both() -> None:
    slots = choose_slots(cpus=1, memory=2 * GB, limits=limits(2, 22))
    assert (slots.count, slots.why) == (2, "2 cores, 1 a job; 22 GB free would allow 11")
    assert slots.warning is None


def test_memory_decides_when_it_is_scarcer() -> None:
    slots = choose_slots(cpus=1, memory=2 * GB, limits=limits(8, 7))
    assert (slots.count, slots.why) == (3, "7 GB free, 2 GB a job; 8 cores, 1 a job")


@pytest.mark.parametrize(
    ("cores", "reserve", "cpus", "count"), [(8, 0, 1, 8), (8, 2, 1, 6), (8, 1, 2, 3), (4, 0, 4, 1)]
)
def test_cores_less_reserved_by_request(cores: int, reserve: int, cpus: int, count: int) -> None:
    slots = choose_slots(cpus=cpus, reserve_cores=reserve, limits=limits(cores, None))
    assert slots.count == count


def test_a_number_of_jobs_wins_and_warns_when_memory_does_not_allow_it() -> None:
    slots = choose_slots(memory=4 * GB, jobs=6, limits=limits(2, 9))
    assert slots.count == 6
    assert slots.warning == (
        "6 jobs of 4 GB ask for more than the 9 GB that are free (MemAvailable): 2 would fit"
    )
    assert choose_slots(memory=4 * GB, jobs=2, limits=limits(2, 9)).warning is None


def test_nothing_fits_is_refused_with_the_numbers() -> None:
    with pytest.raises(Refusal, match="each asks 4 cores, 2 cores") as by_cores:
        choose_slots(cpus=4, limits=limits(2, 22))
    assert by_cores.value.hint is not None
    assert "--jobs 1" in by_cores.value.hint
    with pytest.raises(Refusal, match="2 cores less 2 reserved"):
        choose_slots(reserve_cores=2, limits=limits(2, 22))
    with pytest.raises(Refusal, match="each asks 4 GB of memory, 3 GB are free"):
        choose_slots(memory=4 * GB, limits=limits(2, 3))


def test_numbers_without_sense_are_the_users_mistake() -> None:
    for jobs, reserve in ((0, 0), (None, -1)):
        with pytest.raises(UserError) as error:
            choose_slots(jobs=jobs, reserve_cores=reserve, limits=limits(2, 3))
        assert error.value.exit_code == 2


def host(root: Path, group: str, mountinfo: str, files: dict[str, str]) -> str:
    available = "MemTotal: 32000000 kB\nMemAvailable:   8388608 kB\n"
    every = {"proc/meminfo": available, "proc/self/cgroup": group} | files
    for name, text in ({"proc/self/mountinfo": mountinfo} | every).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(root)


V2_MOUNT = "25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1_MOUNTS = (
    "31 1 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 1 0:32 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)


def with_cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(count)))


def test_cgroup_v2_limits_of_the_group_and_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cores(monkeypatch, 16)
    files = {
        "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
        "sys/fs/cgroup/job/cpu.max": "350000 100000\n",
        "sys/fs/cgroup/job/memory.max": f"{4 * GB}\n",
        "sys/fs/cgroup/job/memory.current": f"{3 * GB}\n",
        "sys/fs/cgroup/job/memory.stat": f"anon 5\ninactive_file {GB}\n",
        "sys/fs/cgroup/job/step/memory.max": "max\n",
    }
    root = host(tmp_path, "0::/job/step\n", V2_MOUNT, files)
    assert host_limits(root) == HostLimits(3, 2 * GB, "cgroup quota", "cgroup limit")


def test_cgroup_v1_limits_with_a_mount_that_shows_part_of_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cores(monkeypatch, 16)
    files = {
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/in/memory.limit_in_bytes": f"{GB}\n",
        "sys/fs/cgroup/memory/in/memory.usage_in_bytes": f"{GB // 2}\n",
    }
    group = "4:memory:/docker/x/in\n1:cpuacct,cpu:/job\n0::/\n"
    root = host(tmp_path, group, V1_MOUNTS, files)
    assert host_limits(root) == HostLimits(1, GB // 2, "cgroup quota", "cgroup limit")


def test_without_limits_affinity_and_available_memory_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cores(monkeypatch, 5)
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    root = host(tmp_path, "4:memory:/docker/x\n1:cpu:/\n", V1_MOUNTS, files)
    assert host_limits(root) == HostLimits(5, 8 * GB)
    assert host_limits(str(tmp_path / "nothing")) == HostLimits(5, None)


def test_this_host_gives_at_least_one_core_and_some_memory() -> None:
    found = host_limits()
    assert 1 <= found.cores <= len(os.sched_getaffinity(0))
    assert found.free_bytes is not None
    assert found.free_bytes > 0
