import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.admission import Admission
from runners.job import Ask, Job
from runners.room import Room


def jobs(asks: Iterable[Ask]) -> list[Job]:
    return [Job(shard, ("true",), ask) for shard, ask in enumerate(asks)]


@pytest.mark.parametrize("room", [Room(memory=4), Room(jobs=4, memory=4)])
def test_a_job_that_does_not_fit_lets_smaller_ones_pass_and_then_holds_the_door(room: Room) -> None:
    # 4 units; small ones of 1 never end together, so 4 would never be free by itself.
    asks = [Ask(1, 1)] * 4 + [Ask(1, 4)] + [Ask(1, 1)] * 100
    queue = Admission(iter(jobs(asks)), room)
    running = []
    order = []
    while job := queue.take():
        order.append(job.shard)
        queue.enter(job.shard, job.ask)
        running.append(job.shard)
    assert order == [0, 1, 2, 3]
    while not (queue.over and not running):
        queue.leave(running.pop(0))
        while job := queue.take():
            order.append(job.shard)
            queue.enter(job.shard, job.ask)
            running.append(job.shard)
    assert sorted(order) == list(range(105))
    assert order.index(4) <= 4 + 4, "it was passed by more than ran when it began to wait"


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, 1, 2, 5, 8])), max_size=60),
    st.randoms(use_true_random=False),
    st.sampled_from([Room(cores=3, memory=8), Room(jobs=4, memory=8), Room(jobs=2), Room(cores=3)]),
)
def test_every_job_starts_once_within_the_room_whatever_ends_when(
    wanted: list[tuple[int, int | None]],
    chance: random.Random,
    room: Room,
) -> None:
    asks = [Ask(*ask) for ask in wanted]
    queue = Admission(iter(jobs(asks)), room)
    running: dict[int, Ask] = {}
    started: list[int] = []
    passed: dict[int, int] = {}
    while True:
        while job := queue.take():
            started.append(job.shard)
            running[job.shard] = job.ask
            queue.enter(job.shard, job.ask)
            assert room.memory is None or sum(a.memory or 0 for a in running.values()) <= 8
            assert room.cores is None or sum(a.cpus for a in running.values()) <= 3
            assert room.jobs is None or len(running) <= room.jobs
            for earlier in set(range(job.shard)) - set(started):
                passed[earlier] = passed.get(earlier, 0) + 1
        if not running:
            break
        gone = chance.choice(sorted(running))
        del running[gone]
        queue.leave(gone)
    assert queue.over
    assert sorted(started) == list(range(len(asks)))


@pytest.mark.parametrize(("spare", "starts"), [(None, True), (8, True), (3, False)])
def test_memory_that_others_hold_is_not_given_away(spare: int | None, starts: bool) -> None:
    queue = Admission(iter(jobs([Ask(1, 5)])), Room(memory=8))
    queue.spare = spare
    assert (queue.take() is not None) == starts
    assert queue.why_waiting == (None if starts else "a job of 5 B waits: 3 B are free")
    queue.spare = 8
    assert starts or queue.take() is not None


def test_a_job_put_back_is_the_next_and_none_is_lost() -> None:
    queue = Admission(iter(jobs([Ask(), Ask()])), Room(jobs=1), passed_over={1})
    first = queue.take()
    assert first is not None
    queue.put_back(first)
    assert queue.take() is first
    assert queue.take() is None
    assert (queue.over, queue.dropped) == (True, 1)
