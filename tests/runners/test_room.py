import os
from pathlib import Path

import pytest

from manifest.errors import Refusal, UserError
from runners.host_limits import HostLimits, host_limits
from runners.job import Ask
from runners.room import Room, refuse_unfit, room_here

GB = 1 << 30


def limits(cores: int, gigabytes: float | None) -> HostLimits:
    return HostLimits(cores, None if gigabytes is None else int(gigabytes * GB))


def test_cores_and_memory_both_count_and_the_reason_names_them() -> None:
    room = room_here(limits=limits(2, 22))
    assert room == Room(None, 2, 22 * GB, "free by MemAvailable", watched=True)
    two = Ask(1, 2 * GB)
    assert room.at_once(two) == 2
    text = "2 at a time (2 cores; 22 GB free by MemAvailable, 2 GB a job)"
    assert room.text([two]) == text
    scarce = room_here(limits=limits(8, 7))
    assert scarce.at_once(two) == 3
    assert scarce.text([two, Ask(1, 7 * GB)]).startswith("1 to 3 at a time (8 cores; 7 GB free")


@pytest.mark.parametrize(
    ("cores", "reserve", "cpus", "count"), [(8, 0, 1, 8), (8, 2, 1, 6), (8, 1, 2, 3), (4, 0, 4, 1)]
)
def test_cores_less_reserved_by_request(cores: int, reserve: int, cpus: int, count: int) -> None:
    room = room_here(reserve_cores=reserve, limits=limits(cores, None))
    assert room.at_once(Ask(cpus)) == count


def test_a_number_of_jobs_stands_for_the_cores_and_memory_still_counts() -> None:
    room = room_here(jobs=6, limits=limits(2, 9))
    asks = Ask(1, GB), Ask(1, 4 * GB), Ask()
    assert [room.at_once(ask) for ask in asks] == [6, 2, 6]


def test_a_given_memory_wins_over_what_is_free_and_nobody_watches_the_machine() -> None:
    room = room_here(memory=40 * GB, limits=limits(8, 3))
    assert (room.memory, room.watched) == (40 * GB, False)
    assert room_here(in_use=2 * GB, limits=limits(8, 3)).memory == 5 * GB


def test_what_can_never_start_is_refused_with_all_numbers_and_the_others_named() -> None:
    names = {shard: f"s{shard}" for shard in range(4)}
    asks = {0: Ask(1, GB), 1: Ask(1, 4 * GB), 2: Ask(1, GB), 3: Ask(1, GB)}
    with pytest.raises(Refusal) as refused:
        refuse_unfit(asks, room_here(limits=limits(2, 3)), names)
    assert str(refused.value.what) == (
        "nothing was started: shard 1 (s1) asks for 4 GB of memory, and the pool has 3 GB "
        "(free by MemAvailable)"
    )
    assert refused.value.hint is not None
    assert refused.value.hint.startswith("run the others: --shards 0,2-3; ")
    refuse_unfit(asks, room_here(memory=4 * GB, limits=limits(2, 3)), names)
    wide = {0: Ask(4), 1: Ask(4)}
    with pytest.raises(Refusal, match=r"2 shards .0-1. ask for up to 4 cores"):
        refuse_unfit(wide, room_here(limits=limits(2, 3)), names)
    refuse_unfit(wide, room_here(jobs=1, limits=limits(2, 3)), names)


def test_numbers_without_sense_are_the_users_mistake() -> None:
    for jobs, reserve, memory in ((0, 0, None), (None, -1, None), (None, 0, 0)):
        with pytest.raises(UserError) as error:
            room_here(jobs=jobs, reserve_cores=reserve, memory=memory, limits=limits(2, 3))
        assert error.value.exit_code == 2
    with pytest.raises(Refusal, match="2 cores less 2 reserved"):
        room_here(reserve_cores=2, limits=limits(2, 22))


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
