"""What attempts note of their software: what it was, never a secret, and unknown is not clean."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from manifest.software import SECRET_WORDS

if TYPE_CHECKING:
    from tests.software.conftest import Desk

pytestmark = pytest.mark.slow
PLAIN: dict[str, Any] = {"bundle": None, "command": ["true"]}


def test_a_run_that_asks_for_nothing_pays_for_nothing(desk: Desk) -> None:
    desk.render(**PLAIN)
    payload = (desk.path / "runs/r/plan/shard.sh").read_text()
    assert "provenance" not in payload
    assert "bundle" not in payload.lower()
    desk.run()
    assert desk.noted() == []
    assert [row["attempts"][0]["provenance"] for row in desk.results()] == [None, None]
    assert "software" not in json.loads(desk("show", "runs/r", "0", "--json"))


def test_versions_are_what_the_command_would_see(desk: Desk) -> None:
    versions = {
        "tool": "tool --version", "two": "echo ä; echo 'b \"c\"' >&2", "greedy": "exit 3",
        "mute": "true", "away": "no-such-tool", "lines": "yes | head -c 5000",
    }  # fmt: skip
    prologue = 'tool() { echo "6.32/02 $LC_ALL"; }\nset -eu\nshopt -s nullglob failglob\nIFS=:\n'
    desk.render(
        **PLAIN, prologue=prologue, env={"LC_ALL": "C.UTF-8"}, provenance={"versions": versions}
    )
    desk.run()
    first, second = desk.noted()
    assert first == second
    assert first["versions"] == {
        "tool": "6.32/02 C.UTF-8", "two": 'ä\nb "c"', "greedy": None, "mute": None, "away": None,
        "lines": first["versions"]["lines"],
    }  # fmt: skip
    assert len(first["versions"]["lines"]) == 4000
    assert first["failed"]["versions.greedy"] == "exit code 3: "
    assert first["failed"]["versions.mute"] == "it printed nothing"
    assert "no-such-tool: command not found" in first["failed"]["versions.away"]
    assert [row["state"] for row in desk.results()] == ["succeeded"] * 2


def test_a_version_command_that_hangs_ends_nothing(desk: Desk) -> None:
    """It is given up, and so is the daemon that another leaves behind with its output open."""
    versions = {"hangs": "echo 6.32; sleep 300", "daemon": "sleep 300 & echo 1"}
    desk.render(**PLAIN, provenance={"versions": versions})
    script = desk.path / "runs/r/plan/shard.sh"
    text = script.read_text()
    assert text.count("read -r -t 60") == 2
    script.write_text(text.replace("read -r -t 60", "read -r -t 2"))
    plan_id = (desk.path / "runs/r/plan/id").read_text().strip()
    words = ["bash", str(script), plan_id, "1", "nohup", "-", "0", "0", "0"]
    subprocess.run(words, check=True, timeout=60)
    (noted,) = desk.noted()
    assert noted["versions"] == {"hangs": None, "daemon": "1"}
    assert noted["failed"] == {"versions.hangs": "no answer in 60 s"}


def test_no_secret_is_recorded_even_where_a_pattern_matches(desk: Desk) -> None:
    secret = "s3cr3t-value"
    names = [f"my_{word.lower()}_1" for word in SECRET_WORDS]
    desk.env = dict.fromkeys(names, secret) | {
        "PROXY": f"http://me:{secret}@host:80", "ROOTSYS": "/opt/a b", "ROOT_É": "x", "OTHER": "no"
    }  # fmt: skip
    desk.render(**PLAIN, provenance={"environment": ["my_*", "PROXY", "ROOT*", "FARMHAND_*"]})
    desk.run()
    noted = desk.noted()[0]
    assert noted["environment"] == {"ROOTSYS": "/opt/a b"}
    assert sorted(noted["withheld"]) == sorted([*names, "PROXY"])
    assert "these may hold secrets, so nothing is recorded" in desk("show", "runs/r", "0")
    for folder, _, files in os.walk(desk.path):
        for name in files:
            with open(os.path.join(folder, name), "rb") as stream:
                assert secret.encode() not in stream.read(), name


@pytest.mark.parametrize("word", ["AWS_SECRET_ACCESS_KEY", "*token*", "X509_USER_PROXY"])
def test_a_pattern_that_names_secrets_is_refused(desk: Desk, word: str) -> None:
    said = desk.render(code=2, **PLAIN, provenance={"environment": word})
    assert f"'{word}' names secrets" in said


@pytest.mark.parametrize("word", ["A B", "$(date)", "a;b", "[A]", ""])
def test_a_pattern_is_no_shell_text(desk: Desk, word: str) -> None:
    assert "is not a pattern" in desk.render(code=2, **PLAIN, provenance={"environment": [word]})


def test_a_checkout_is_clean_dirty_and_at_its_commit(desk: Desk) -> None:
    commit = desk.commit("work/x")
    desk.write("new.txt", "untracked")
    asked = {"provenance": {"checkouts": {"code": "code"}}}
    desk.render(**PLAIN, **asked)
    clean = {"commit": commit, "branch": "work/x", "dirty": False, "diff": None}
    plan = json.loads((desk.path / "runs/r/plan/provenance.json").read_bytes())
    assert plan["checkouts"]["code"] == {"path": f"{desk.path}/code", **clean, "untracked": 1}
    assert "was changed" not in desk("submit", "runs/r")
    desk.run("--shards", "0")
    desk.write("job.sh", "echo other\n")
    said = desk("submit", "runs/r")
    assert f"the checkout code was changed after the render: it was at {commit[:12]}" in said
    desk.run()
    first, second = (one["checkouts"]["code"] for one in desk.noted())
    assert first == clean
    assert (second["commit"], second["dirty"]) == (commit, True)
    assert len(second["diff"]) == 64
    told = desk("check", "runs/r")
    assert "software differs: checkouts.code: " in told
    assert f"{commit[:12]} on work/x, clean in 1 shard (0)" in told


def test_the_render_and_the_node_give_one_digest_of_one_difference(desk: Desk) -> None:
    desk.write("ä b.txt", "one\n")
    desk.commit()
    desk.git("checkout", "-q", "--detach")
    desk.write("ä b.txt", "two\n")
    desk.env = {"GIT_DIR": "/nowhere", "GIT_EXTERNAL_DIFF": "false"}
    desk.render(**PLAIN, provenance={"checkouts": {"code": "code"}})
    desk.run()
    plan = json.loads((desk.path / "runs/r/plan/provenance.json").read_bytes())
    there = plan["checkouts"]["code"]
    for noted in desk.noted():
        here = noted["checkouts"]["code"]
        assert here == {key: there[key] for key in here}
        assert here["dirty"] is True
        assert here["branch"] is None


def test_what_is_not_seen_on_the_node_is_unknown_not_clean(desk: Desk) -> None:
    desk.commit()
    desk.render(**PLAIN, provenance={"checkouts": {"code": "code"}})
    (desk.path / "code").rename(desk.path / "gone")
    desk.run()
    noted = desk.noted()[0]
    assert noted["checkouts"] == {"code": None}
    assert noted["failed"] == {"checkouts.code": f"{desk.path}/code is not visible here"}
    assert "code unknown" in desk("show", "runs/r", "0")


def test_a_node_without_git_says_so(desk: Desk) -> None:
    desk.commit()
    prologue = f"PATH={desk.path}/node"
    desk.render(**PLAIN, prologue=prologue, provenance={"checkouts": {"code": "code"}})
    os.symlink("/bin/true", desk.path / "node/true")
    desk.run()
    assert desk.noted()[0]["failed"] == {"checkouts.code": "there is no git here"}


def test_what_is_no_repository_is_refused_at_the_render(desk: Desk) -> None:
    said = desk.render(code=2, **PLAIN, provenance={"checkouts": {"code": "code"}})
    assert "no commit can be told: " in said
    assert "provenance.checkouts.code" in said


DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("asked", "env", "image", "digest"),
    [
        (f"docker://host/root@{DIGEST}", {}, f"docker://host/root@{DIGEST}", DIGEST),
        ("docker://host/root:6.32", {}, "docker://host/root:6.32", None),
        ("docker://x:1", {"APPTAINER_CONTAINER": "/a.sif"}, "/a.sif", None),
        (None, {"SINGULARITY_CONTAINER": f"x@{DIGEST}"}, f"x@{DIGEST}", DIGEST),
    ],
)
def test_a_container_is_known_as_far_as_it_can_be(
    desk: Desk, asked: str | None, env: dict[str, str], image: str, digest: str | None
) -> None:
    desk.env = env
    wanted = {"container": asked} if asked else {"environment": "NOTHING"}
    desk.render(**PLAIN, provenance=wanted)
    desk.run()
    found = {"image": image, "digest": digest}
    assert [noted["container"] for noted in desk.noted()] == [found] * 2


def test_an_image_file_is_hashed_once_and_recognised_on_the_node(desk: Desk) -> None:
    image = desk.path / "fit image.sif"
    image.write_bytes(b"\0image" * 1000)
    digest = "sha256:" + hashlib.sha256(image.read_bytes()).hexdigest()
    desk.render(**PLAIN, provenance={"container": "fit image.sif"})
    desk.run("--shards", "0")
    image.write_bytes(b"other")
    assert "is another file than at the render" in desk.run()
    first, second = desk.noted()
    assert first["container"] == {"image": str(image), "digest": digest}
    assert second["container"] == {"image": str(image), "digest": None}
    assert "not the file that the render saw" in second["failed"]["container"]


def test_an_image_that_is_not_there_is_refused(desk: Desk) -> None:
    said = desk.render(code=2, **PLAIN, provenance={"container": "no.sif"})
    assert "the image cannot be read: No such file or directory" in said


SAME: dict[str, Any] = {
    "bundle": None,
    "work": {"count": 4},
    "shards": 4,
    "script": 'echo "n" >out.csv; echo "$FARMHAND_SHARD_INDEX" >>out.csv',
    "command": None,
    "outputs": {"out": "out.csv"},
    "merge": {"kind": "csv"},
}


def test_a_merge_says_where_the_shards_differ(desk: Desk) -> None:
    (desk.path / "version").write_text("6.32\n")
    versions = {"versions": {"ROOT": f"cat {desk.path}/version"}}
    desk.render(**SAME, provenance=versions)
    desk.run("--shards", "0-2")
    assert "software" not in desk("check", "runs/r")
    (desk.path / "version").write_text("6.30\n")
    desk.run()
    line = "software differs: versions.ROOT: 6.32 in 3 shards (0-2), 6.30 in 1 shard (3)"
    assert line in desk("check", "runs/r")
    answer = json.loads(desk("check", "--json", "runs/r"))
    assert answer["software"] == [line.removeprefix("software differs: ")]
    assert f"warning: {line}" in desk("merge", "runs/r")
    assert (desk.path / "runs/r/merged.csv").exists()


def test_a_merge_of_different_software_is_refused_where_that_is_asked(desk: Desk) -> None:
    (desk.path / "version").write_text("6.32\n")
    versions = {"versions": {"ROOT": f"cat {desk.path}/version"}, "same": True}
    desk.render(**SAME, provenance=versions)
    desk.run("--shards", "0-2")
    (desk.path / "version").unlink()
    desk.run()
    said = desk("merge", "runs/r", code=1)
    assert "versions.ROOT: 6.32 in 3 shards (0-2), unknown in 1 shard (3)" in said
    assert not (desk.path / "runs/r/merged.csv").exists()


def test_silence_is_not_the_same(desk: Desk) -> None:
    """A line that could not be written is no proof: neither of all, nor of some."""
    desk.render(**SAME, provenance={"versions": {"ROOT": "echo 1"}, "same": True})
    desk.run()
    (desk.path / "runs/r/manifest.json").unlink()
    for silent in ([3], [0, 1, 2]):
        for index in silent:
            (path,) = (desk.path / "runs/r/records/0").glob(f"{index}.*")
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(line for line in lines if b'"provenance"' not in line))
        (desk.path / "runs/r/manifest.json").unlink(missing_ok=True)
        desk("collect", "--rebuild", "--in-place", "runs/r")
        said = desk("merge", "runs/r", code=1)
        which = "3" if silent == [3] else "0-3"
        assert f"nothing is known of shards {which}" in said


def test_a_torn_line_does_not_swallow_the_end(desk: Desk) -> None:
    """As on a full disk: what there is of the line is closed, and the end stands by itself."""
    torn = 'printf() { case $2 in *environment*) builtin printf %s "${2:0:30}" ;; '
    torn += '*) builtin printf "$@" ;; esac; }'
    desk.render(**PLAIN, prologue=torn, provenance={"versions": {"a": "echo 1"}})
    desk.run()
    for record in (desk.path / "runs/r/records/0").iterdir():
        start, line, end = record.read_text().splitlines()
        assert line == '{"event":"provenance","version'
        assert (json.loads(start)["event"], json.loads(end)["event"]) == ("start", "end")
    rows = desk.results()
    assert [row["state"] for row in rows] == ["succeeded"] * 2
    assert [row["attempts"][0]["provenance"] for row in rows] == [None, None]


def test_files_that_come_to_the_node_are_told_with_their_checksum(desk: Desk) -> None:
    (desk.path / "in.txt").write_bytes(b"hello\n")
    url = f"file://{desk.path}/in.txt"
    digest = hashlib.sha256(b"hello\n").hexdigest()
    desk.render(
        bundle=None, work=None, shards=None,
        components={"a": {"files": [url]}, "b": {"files": [url]}},
        command=["cat", "{{ chunk.files }}"], staging={"cache": f"{desk.path}/node"},
        provenance={"environment": "NOTHING"},
    )  # fmt: skip
    desk.run("--jobs", "1")
    staged = [row["attempts"][0]["staged"] for row in desk.results()]
    assert [one[0]["from"] for one in staged] == ["store", "cache"]
    assert [one[0]["sha256"] for one in staged] == [digest] * 2
    assert f"(6 bytes, sha256 {digest})" in desk("show", "runs/r", "1")
