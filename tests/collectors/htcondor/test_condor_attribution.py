"""From event logs and answers of the schedd to observations of shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collectors.condor import SubmissionLog
from collectors.condor_ads import Ads, read_ads
from collectors.condor_attribution import attribute
from collectors.condor_known import Job
from collectors.observation import Observation, Observed
from manifest.header import Header, Submission
from tests.collectors.htcondor.captured import DATA, RELEASES, RUN, log_file, read

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_795_442_000.0
NOBODY = Ads()


def header(shards: str = "0-9", native_ids: tuple[str, ...] = ()) -> Header:
    submission = Submission(
        id=1,
        scheduler="htcondor",
        shards=shards,
        resources={},
        created_at_utc="",
        native_ids=native_ids,
    )
    return Header.model_construct(run_uuid=RUN, submissions=(submission,))


def observed(log: SubmissionLog, ads: Ads = NOBODY, shards: str = "0-9") -> Observed:
    return attribute({1: log}, header(shards), ads, NOW)


def of(log: SubmissionLog, shard: int = 0, ads: Ads = NOBODY) -> list[Observation]:
    return observed(log, ads).shards[shard]


def cut_log(path: Path, tmp_path: Path, event: bytes, count: int = 1) -> SubmissionLog:
    """A log as it was before so many events of a kind came last."""
    data = path.read_bytes()
    for _ in range(count):
        data = data[: data.rindex(b"\n" + event) + 1]
    target = tmp_path / "condor.log"
    target.write_bytes(data)
    return read(target)


def listing(release: str, name: str, log: SubmissionLog | None = None) -> Mapping[str, Any]:
    """What was answered; of the jobs of a log only, for all of them say that they are shard 0."""
    ads = read_ads((DATA / release / f"{name}.json").read_text(encoding="utf-8"))
    return {native: ad for native, ad in ads.items() if log is None or native in log.jobs}


@pytest.mark.parametrize("release", RELEASES)
def test_executions_and_how_it_waits(release: str, tmp_path: Path) -> None:
    path = log_file(release, "release")
    first, second = of(read(path))
    assert (first.kind, first.state, second.kind, second.code) == (
        "cancelled", "held 1/0", "completed", 0,
    )  # fmt: skip
    assert {one.native_id for one in (first, second)} == {"49.0"}
    assert {one.submission for one in (first, second)} == {1}
    assert second.started is not None
    _, held = of(cut_log(path, tmp_path, b"013"))
    assert (held.kind, held.cause, held.started) == ("held", "held_policy", None)
    assert held.advice == "condor_release -name head.farm 49.0 lets it go on"
    _, idle = of(cut_log(path, tmp_path, b"001"))
    assert (idle.kind, idle.state) == ("pending", "idle")
    *_, running = of(cut_log(path, tmp_path, b"005"))
    assert (running.kind, running.node) == ("running", second.node)


@pytest.mark.parametrize("release", RELEASES)
def test_a_job_that_is_out_of_reach(release: str, tmp_path: Path) -> None:
    path = log_file(release, "lost")
    (running,) = of(cut_log(path, tmp_path, b"024"))
    assert running.kind == "running"
    assert running.why == "the machine is out of reach; HTCondor tries to find it again"
    lost, waits = of(cut_log(path, tmp_path, b"001"))
    assert (lost.kind, lost.node) == ("node", "n2.farm")
    assert (waits.kind, waits.why) == (
        "pending", "Job disconnected too long: JobLeaseDuration (60 seconds) expired",
    )  # fmt: skip
    suspended = of(cut_log(log_file(release, "suspend"), tmp_path, b"011"))[0]
    assert (suspended.kind, suspended.why) == ("running", "suspended")


@pytest.mark.parametrize("release", RELEASES)
def test_what_it_was_held_for_stays_the_cause_when_it_is_removed(release: str) -> None:
    (missing,) = of(read(log_file(release, "no-input")))
    assert missing.kind == "stage_in"
    assert missing.why.startswith(
        "via condor_rm (by user farmer); it was held 13/2: Transfer input"
    )
    assert missing.ended is not None
    (memory,) = of(read(log_file(release, "memory")))
    assert memory.kind == "oom"
    assert memory.why.endswith("request_memory, then removed: via condor_rm (by user farmer)")
    (idle,) = of(read(log_file(release, "hold-idle")))
    assert (idle.kind, idle.state) == ("cancelled", "removed")
    assert idle.why.endswith("it was held 1/0: via condor_hold (by user farmer)")


def complaints(log: SubmissionLog) -> str:
    return " ".join(observed(log).notes)


@pytest.mark.parametrize("release", RELEASES)
class TestFactories:
    """Clusters of which not all jobs are made at once."""

    def test_a_job_that_is_not_made_yet_is_pending_under_the_id_that_it_will_have(
        self, release: str, tmp_path: Path
    ) -> None:
        path = log_file(release, "factory")
        log = cut_log(path, tmp_path, b"000", 3)
        told = observed(log, shards="0-4").shards
        assert [told[shard][0].native_id for shard in range(5)] == [f"70.{n}" for n in range(5)]
        assert [told[shard][-1].state for shard in (2, 3, 4)] == ["unmaterialized"] * 3
        assert {told[shard][-1].kind for shard in (2, 3, 4)} == {"pending"}
        assert observed(read(path)).jobs == {1: frozenset({"70"})}
        later = observed(read(path), shards="0-4").shards
        assert [later[shard][0].code for shard in range(5)] == [0, 1, 2, 3, 4]

    def test_the_item_list_says_which_shard_a_job_will_be(
        self, release: str, tmp_path: Path
    ) -> None:
        log = cut_log(log_file(release, "factory-items"), tmp_path, b"000", 2)
        told = observed(log, shards="0,4,7").shards
        assert {shard: said[0].native_id for shard, said in told.items()} == {
            0: "71.0", 4: "71.1", 7: "71.2",
        }  # fmt: skip

    def test_a_stalled_one_is_reported(self, release: str, tmp_path: Path) -> None:
        path = log_file(release, "factory-stalled")
        stalled = cut_log(path, tmp_path, b"009", 3)
        said = complaints(stalled)
        assert "cluster 72 makes no new jobs: the factory is stalled" in said
        assert "3 of its 3 jobs are held" in said
        for case, event, count in (
            ("factory-stalled", b"012", 1), ("factory-idle", b"009", 2),
            ("factory-removed", b"004", 2),
        ):  # fmt: skip
            assert complaints(cut_log(log_file(release, case), tmp_path, event, count)) == ""
        assert complaints(read(path)) == ""

    def test_those_never_made_are_cancelled_when_it_is_removed(self, release: str) -> None:
        log = read(log_file(release, "factory-removed"))
        told = observed(log).shards
        assert {said[-1].kind for said in told.values()} == {"cancelled"}
        assert len(told) == 10
        assert told[9][0].why == "its cluster was removed before its job was made"

    def test_one_that_is_complete_says_nothing_of_others(self, release: str) -> None:
        told = observed(read(log_file(release, "factory"))).shards
        assert sorted(told) == [0, 1, 2, 3, 4]
        assert 7 not in told
        assert told.get(7, ()) == ()


@pytest.mark.parametrize("release", RELEASES)
class TestAds:
    """What condor_q and condor_history add."""

    def test_that_it_was_submitted_on_hold(self, release: str, tmp_path: Path) -> None:
        log = cut_log(log_file(release, "submitted-held"), tmp_path, b"009")
        assert of(log)[0].kind == "pending"
        (said,) = of(log, ads=Ads(listing(release, "condor_q-ends", log)))
        assert (said.source, said.kind, said.state) == ("condor_q", "held", "held 15/0")
        assert said.advice == "condor_release -name head.farm 39.0 lets it go"

    def test_a_log_that_is_behind(self, release: str, tmp_path: Path) -> None:
        log = cut_log(log_file(release, "hold"), tmp_path, b"001")
        (said,) = of(log, ads=Ads(listing(release, "condor_q-treated", log)))
        assert (said.source, said.kind, said.state) == ("condor_q", "held", "held 1/0")
        log = cut_log(log_file(release, "vacate-ignored"), tmp_path, b"001", 2)
        ads = Ads(listing(release, "condor_q-treating", log))
        (said,) = of(log, ads=ads)
        assert (said.source, said.kind, said.started) == ("condor_q", "running", None)
        assert said.node in ("n1.farm", "n2.farm")

    def test_how_a_job_ended_that_the_log_lost(self, release: str, tmp_path: Path) -> None:
        for case, event, kind, code in (
            ("exit-3", b"005", "failed", 3), ("success", b"005", "completed", 0),
            ("signal-9", b"005", "failed", None), ("remove", b"004", "cancelled", None),
        ):  # fmt: skip
            log = cut_log(log_file(release, case), tmp_path, event)
            history = listing(release, "condor_history-all", log)
            (said,) = of(log, ads=Ads({}, history))
            assert (said.source, said.kind, said.code) == ("condor_history", kind, code)
            assert said.ended is not None
            assert said.ended >= (said.started or 0)

    def test_a_job_without_any_log(self, release: str, tmp_path: Path) -> None:
        """It is told by its notes; jobs of other runs are none of ours."""
        log = read(tmp_path / "gone.log")
        ads = listing(release, "condor_history-all")
        mine = {name: ad for name, ad in ads.items() if name in ("3.0", "1.0", "9.0")}
        kinds = sorted((said.kind, said.source) for said in of(log, ads=Ads({}, mine)))
        assert kinds == [
            ("cancelled", "condor_history"), ("completed", "condor_history"),
            ("failed", "condor_history"),
        ]  # fmt: skip
        others = {name: dict(ad, SubmitEventNotes="farmhand x 1 0") for name, ad in mine.items()}
        assert list(observed(log, Ads({}, others)).shards) == []

    def test_what_the_schedd_does_not_list_is_not_said_to_live(
        self, release: str, tmp_path: Path
    ) -> None:
        log = cut_log(log_file(release, "exit-3"), tmp_path, b"005")
        assert [said.kind for said in of(log)] == ["running"]
        told = observed(log, Ads({}))
        assert told.shards[0] == []
        assert told.queue == "condor_q"
        assert observed(log).queue is None

    def test_the_schedds_own_name_is_taken_from_it(self, release: str, tmp_path: Path) -> None:
        log = cut_log(log_file(release, "hold"), tmp_path, b"009")
        ads = {
            name: dict(ad, GlobalJobId=f"schedd7@head.farm#{name}#1")
            for name, ad in listing(release, "condor_q-treated", log).items()
        }
        *_, said = of(log, ads=Ads(ads))
        assert said.advice == "condor_release -name schedd7@head.farm 45.0 lets it go on"


def test_no_jobs_are_printed_as_nothing() -> None:
    assert read_ads("") == read_ads("\n") == {}


@pytest.mark.parametrize("text", ["{", "[1]", "not JSON", '[{"ClusterId": 1}]'])
def test_an_answer_that_is_none(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_ads(text)


def test_times_of_ads_that_are_missing_do_no_harm() -> None:
    log = SubmissionLog("/nowhere")
    log.jobs["1.0"] = Job(shard=0)
    ad = json.loads('[{"ClusterId": 1, "ProcId": 0, "JobStatus": 4}]')[0]
    (said,) = of(log, ads=Ads({}, {"1.0": ad}))
    assert said.kind == "failed"
    assert said.code is None
