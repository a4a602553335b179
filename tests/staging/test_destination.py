"""The destination is the truth: what is gone from there is due again, and nothing else is."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.staging.conftest import Depot

pytestmark = pytest.mark.slow

DESTINATION = "depot://store/dst/{{ shard.name }}.txt"


def spec(depot: Depot, scripts: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    output = {"path": "out.txt", "destination": DESTINATION} | more.pop("output", {})
    return {
        "name": "r", "work": {"count": 6}, "shards": 6,
        "script": "echo unit $FARMHAND_SHARD_INDEX >out.txt",
        "outputs": {"out": output},
        "staging": {"commands": {"depot": depot.commands(**(scripts or {}))}, "pause": "1s"},
    } | more  # fmt: skip


def ran(depot: Depot, *args: Any, **more: Any) -> Path:
    """Run six shards; return the directory that their files are in."""
    depot.render(spec(depot, *args, **more))
    depot.run()
    return depot.path / "store" / "dst"


def check(depot: Depot, code: int | None = None) -> dict[str, Any]:
    said = depot("check", "runs/r", "--json", code=code if code is not None else 0)
    answer: dict[str, Any] = json.loads(said[: said.rindex("}") + 1])
    return answer


def bad(depot: Depot) -> dict[str, str]:
    return {row["name"]: row["evidence"] for row in check(depot, 1)["bad"]}


def test_what_is_gone_or_cut_is_named_and_redone_and_nothing_else(depot: Depot) -> None:
    store = ran(depot)
    assert check(depot)["destination"]["there"] == 6
    (store / "s2.txt").unlink()
    (store / "s4.txt").write_text("u")
    wanted = {
        "s2": "exit code 0, but what it stored is gone: depot://store/dst/s2.txt",
        "s4": "exit code 0, but depot://store/dst/s4.txt is 1 bytes, 7 were stored",
    }
    assert bad(depot) == wanted
    said = depot("collect", "--in-place", "runs/r")
    assert "6 shards: 4 succeeded, 2 failed" in said
    assert "5 of 6 files are there; 1 gone since they were stored (s2); 1 of another size" in said
    assert bad(depot) == wanted
    said = depot("resubmit", "runs/r", "--execute")
    assert "2 ok, 0 failed" in said
    assert check(depot)["succeeded"] == 6
    assert sorted(path.name for path in store.iterdir()) == [f"s{n}.txt" for n in range(6)]
    assert len(depot.ends()) == 8


def test_a_file_that_is_put_back_counts_again(depot: Depot) -> None:
    store = ran(depot)
    shutil.move(store / "s1.txt", depot.path / "aside")
    depot("collect", "--in-place", "runs/r")
    assert list(bad(depot)) == ["s1"]
    shutil.move(depot.path / "aside", store / "s1.txt")
    assert check(depot)["succeeded"] == 6
    assert "updated" in depot("collect", "--in-place", "runs/r")
    assert "nothing new" in depot("collect", "--in-place", "runs/r")


def test_it_may_be_deleted_any_number_of_times(depot: Depot) -> None:
    store = ran(depot)
    for _ in range(3):
        (store / "s3.txt").unlink()
        assert list(bad(depot)) == ["s3"]
        assert "1 ok, 0 failed" in depot("resubmit", "runs/r", "--execute")
    assert check(depot)["succeeded"] == 6


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo expired token >&2; exit 1", "(bash: expired token)"),
        ("fine; exit 3", "(bash ended with exit code 3 and said nothing)"),
        ("fine; echo '<html>busy</html>'", "(this line of its listing is none: <html>busy</html>)"),
        ("sleep 60", "(bash did not answer within 1 s)"),
    ],
)
def test_a_listing_that_fails_says_nothing_about_files(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    monkeypatch.setenv("FARMHAND_LISTING_TIMEOUT", "1")
    depot.render(spec(depot, {"list": f"[ -e {depot.path}/down ] || {{ fine; exit; }}; {script}"}))
    depot.run()
    (depot.path / "store/dst/s2.txt").unlink()
    (depot.path / "down").touch()
    for verb in (["collect", "--in-place"], ["status"], ["check"]):
        said = depot(*verb, "runs/r")
        assert f"warning: depot://store/dst cannot be listed {told}" in said
        assert said.count("warning:") == 1
        assert "6 succeeded" in said
    (depot.path / "down").unlink()
    depot("collect", "--in-place", "runs/r")
    (depot.path / "down").touch()
    assert list(bad(depot)) == ["s2"]  # what was known before stays known


def test_records_only_asks_nobody(depot: Depot) -> None:
    store = ran(depot)
    (store / "s2.txt").unlink()
    asked = len(depot.calls("list"))
    said = depot("collect", "--in-place", "--records-only", "runs/r")
    assert "6 succeeded" in said
    assert len(depot.calls("list")) == asked
    assert "1 failed" in depot("collect", "--in-place", "runs/r")
    assert len(depot.calls("list")) == asked + 1


def test_a_destination_that_does_not_exist_yet_is_no_failure(depot: Depot) -> None:
    depot.render(spec(depot))
    for verb in (["collect", "--in-place"], ["status"], ["check"]):
        assert "warning" not in depot(*verb, "runs/r")


def test_a_file_without_a_record_is_said_and_does_not_count(depot: Depot) -> None:
    depot.render(spec(depot))
    store = depot.path / "store/dst"
    store.mkdir()
    (store / "s5.txt").write_text("unit 5\n")
    said = depot("status", "runs/r")
    assert "6 planned" in said
    assert "no record, but a file there, which does not count: s5" in said


def test_files_of_nobody_and_of_another_campaign_are_told_apart(depot: Depot) -> None:
    store = ran(depot)
    (store / "notes").write_text("x")
    (store / "s17.txt").write_text("x")
    (store / "s1.txt.part-12ab").write_text("x")
    there = check(depot)["destination"]
    assert there["extra"] == ["depot://store/dst/notes", "depot://store/dst/s17.txt"]
    assert there["unfinished"] == 1
    said = depot("check", "runs/r")
    assert "of no shard of this run, 1 of them named like another campaign's: depot://" in said
    assert "unfinished uploads: 1" in said


COMPANIONS = {"companions": ["{{ shard.name }}.txt.meta", "eval/{{ shard.name }}_a.root"]}
WITH_COMPANIONS = (
    "echo unit >out.txt; cd {}/store/dst; mkdir -p eval; n=$FARMHAND_SHARD_NAME; "
    "echo m >$n.txt.meta; echo e >eval/${{n}}_a.root"
)


def test_what_belongs_to_an_output_has_to_be_there_too(depot: Depot) -> None:
    (depot.path / "store/dst").mkdir()
    store = ran(depot, output=COMPANIONS, script=WITH_COMPANIONS.format(depot.path))
    there = check(depot)["destination"]
    assert (there["expected"], there["there"], there["extra"]) == (18, 18, [])
    (store / "s2.txt.meta").unlink()
    (store / "eval/s3_a.root").unlink()
    assert bad(depot) == {
        "s2": "exit code 0, but what belongs to its output is not there: "
        "depot://store/dst/s2.txt.meta",
        "s3": "exit code 0, but what belongs to its output is not there: "
        "depot://store/dst/eval/s3_a.root",
    }
    assert "2 ok" in depot("resubmit", "runs/r", "--execute")
    assert check(depot)["succeeded"] == 6


def test_all_outputs_of_a_shard_belong_together(depot: Depot) -> None:
    told = spec(depot)
    told["script"] += "; echo meta >meta.txt"
    told["outputs"]["meta"] = {
        "path": "meta.txt",
        "destination": "depot://store/m/{{ shard.name }}",
    }
    depot.render(told)
    depot.run()
    (depot.path / "store/m/s4").unlink()
    assert list(bad(depot)) == ["s4"]
    assert "1 ok" in depot("resubmit", "runs/r", "--execute")
    assert check(depot)["succeeded"] == 6
    assert len(depot.calls("list")) % 2 == 0  # two directories, one listing each


def test_many_directories_are_listed_as_one(depot: Depot) -> None:
    told = spec(depot, work={"count": 40}, shards=40)
    told["outputs"]["out"]["destination"] = "depot://store/x/{{ shard.name }}/out.txt"
    depot.render(told)
    depot.run()
    depot.path.joinpath("calls").unlink()
    (depot.path / "store/x/s07/out.txt").unlink()
    assert list(bad(depot)) == ["s07"]
    assert depot.calls("list") == ["store/x/"]


def test_a_plain_directory_with_links_in_it(depot: Depot) -> None:
    """A disk that is full is often replaced by a link to another one."""
    told = spec(depot, work={"count": 40}, shards=40)
    del told["staging"]["commands"]
    place = f"{depot.path}//kept/./{{{{ shard.name }}}}"
    told["outputs"]["out"]["destination"] = f"{place}/out.txt"
    depot.render(told)
    depot.run()
    shutil.move(depot.path / "kept/s07", depot.path / "other")
    (depot.path / "kept/s07").symlink_to(depot.path / "other")
    assert check(depot)["succeeded"] == 40
    (depot.path / "other/out.txt").unlink()
    assert list(bad(depot)) == ["s07"]


def test_a_store_that_cannot_be_listed_is_believed_by_its_records(depot: Depot) -> None:
    ran(depot, {"list": ""})
    said = depot("check", "runs/r")
    assert "nobody has said how depot:// is listed" in said
    assert "6 succeeded" in said


def test_the_commands_of_the_site_are_used(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    site = depot.path / "site.yaml"
    site.write_text(json.dumps({"transfers": {"depot": depot.commands()}}))
    monkeypatch.setenv("FARMHAND_SITE", str(site))
    told = spec(depot)
    del told["staging"]["commands"]
    depot.render(told)
    depot.run()
    (depot.path / "store/dst/s0.txt").unlink()
    assert list(bad(depot)) == ["s0"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"output": {"publish": "p"}}, "publish: links to the local copy"),
        ({"output": {"check": {"json": "true"}}}, "check: json is looked at by collect"),
        ({"output": {"companions": ["../x"]}}, "'../x' is not the name of a file beside"),
        ({"output": {"companions": ["a//b"]}}, "'a//b' is not the name of a file beside"),
        ({"output": {"companions": ["{{ attempt.dir }}"]}}, "is known at the render"),
        ({"output": {"companions": ["{{ shard.nam }}"]}}, "shard.nam"),
        (
            {"outputs": {"out": {"path": "out.txt", "companions": ["x"]}}},
            "they lie beside the destination of this output, and it has none",
        ),
    ],
)
def test_refused_at_the_render(depot: Depot, change: dict[str, Any], told: str) -> None:
    assert told in depot.render(spec(depot, **change), code=2)


def test_a_record_without_the_word_of_storing_is_not_believed(depot: Depot) -> None:
    told = spec(depot)
    told["staging"]["keep"] = True
    depot.render(told)
    depot.run()
    path = next((depot.path / "runs/r/records/0").glob("3.*"))
    start, end = path.read_text().splitlines()
    said = json.loads(end)
    del said["stored"]
    path.write_text(f"{start}\n{json.dumps(said)}\n")
    depot("collect", "--rebuild", "runs/r")
    assert bad(depot) == {"s3": "exit code 0, but the record does not say that out.txt was stored"}


def _again(depot: Depot) -> None:
    """Run shard 2 once more, as a job that was submitted twice does."""
    plan = json.loads((depot.path / "runs/r/manifest.json").read_bytes())["plan_id"]
    call = ["bash", "runs/r/plan/shard.sh", plan, "1", "nohup", "-", "0", "0", "2"]
    subprocess.run(call, cwd=depot.path, check=True, timeout=60)
    depot("collect", "--in-place", "runs/r")


def test_of_two_that_stored_different_files_the_last_one_counts(depot: Depot) -> None:
    """The file there is its own: the checksum of the other is of a file that is no more."""
    ran(depot, script="echo $FARMHAND_ATTEMPT >out.txt")
    _again(depot)
    [row] = [
        row
        for row in json.loads((depot.path / "runs/r/manifest.json").read_bytes())["results"]
        if row["shard_index"] == 2
    ]
    first, second = row["attempts"]
    assert row["accepted_attempts"] == [second["attempt"]]
    assert first["evidence"] == (
        f"exit code 0, but what it stored was overwritten by {second['attempt']}"
    )


def test_two_that_stored_the_same_bytes_alarm_nobody(depot: Depot) -> None:
    ran(depot)
    _again(depot)
    said = depot("check", "runs/r")
    assert "more than once" not in said
    assert "2 attempts stored the same bytes" in depot("show", "runs/r", "2")


@pytest.mark.parametrize("kind", ["stores", "companions"])
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: b"".join(data.splitlines(keepends=True)[:4]), "4 lines for 6 shards"),
        (lambda data: data + data.splitlines(keepends=True)[0], "7 lines for 6 shards"),
        (lambda data: data[:0], "0 lines for 6 shards"),
        (lambda data: data[:-9], "unexpected end of data"),
    ],
)
def test_a_damaged_list_of_destinations_is_said_in_one_message(
    depot: Depot, kind: str, damage: Callable[[bytes], bytes], told: str
) -> None:
    ran(depot, output={"companions": ["{{ shard.name }}.txt"]})
    path = depot.path / "runs/r/plan" / kind / "0"
    path.write_bytes(damage(path.read_bytes()))
    for verb in (("check",), ("collect", "--in-place"), ("status",)):
        said = depot(*verb, "runs/r", code=2)
        assert f"the plan is damaged: {told}" in said
        assert f"plan/{kind}/0" in said
