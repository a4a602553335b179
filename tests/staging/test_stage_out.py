"""Outputs that are stored elsewhere: proved there before the local copy goes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.staging.conftest import Depot

pytestmark = pytest.mark.slow


def spec(depot: Depot, scripts: dict[str, str] | None = None, **staging: Any) -> dict[str, Any]:
    commands = {"depot": depot.commands(**(scripts or {}))}
    return {
        "name": "r", "work": {"count": 4}, "shards": 2,
        "script": "echo $FARMHAND_SHARD_INDEX >out.txt; echo log >log.txt",
        "outputs": {
            "out": {
                "path": "out.txt", "destination": "depot://store/{{ shard.index }}/out file.txt",
            },
            "log": "log.txt",
        },
        "staging": {"commands": commands, "pause": "1s", **staging},
    }  # fmt: skip


def locals_(depot: Depot) -> list[str]:
    return sorted(path.name for path in depot.path.glob("runs/r/shards/*/*/*.txt"))


def stored(depot: Depot) -> dict[str, bytes]:
    top = depot.path / "store"
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()}


def test_stored_proved_and_listed(depot: Depot) -> None:
    depot.render(spec(depot))
    depot.run()
    assert stored(depot) == {"0/out file.txt": b"0\n", "1/out file.txt": b"1\n"}
    for number, end in enumerate(depot.ends()):
        data = f"{number}\n".encode()
        assert end["stored"] == [
            {
                "name": "out", "url": f"depot://store/{number}/out file.txt", "bytes": 2,
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        ]  # fmt: skip
    assert locals_(depot) == ["log.txt", "log.txt"]
    puts = depot.calls("put")
    assert len(puts) == 2
    assert all(".part-" in name for name in puts)


def test_kept_where_asked(depot: Depot) -> None:
    depot.render(spec(depot, keep=True))
    depot.run()
    assert locals_(depot) == ["log.txt", "log.txt", "out.txt", "out.txt"]


def test_a_store_that_cannot_rename_gets_the_final_name(depot: Depot) -> None:
    depot.render(spec(depot, {"move": ""}))
    depot.run()
    assert sorted(depot.calls("put")) == ["store/0/out file.txt", "store/1/out file.txt"]


@pytest.mark.parametrize(
    ("scripts", "told"),
    [
        ({"put": 'mkdir -p "${at%/*}"; head -c 1 "$2" >"$at"'}, "2 bytes here, 1 there"),
        ({"put": 'mkdir -p "${at%/*}"; echo x >"$at"'}, "md5 "),
        ({"put": "echo expired token >&2; exit 1"}, "exit code 1; expired token"),
        ({"size": "exit 1"}, "its size cannot be asked"),
        ({"move": "echo denied >&2; exit 1"}, "cannot be renamed to its final name: denied"),
    ],
)
def test_what_is_not_proved_there_is_not_stored(
    depot: Depot, scripts: dict[str, str], told: str
) -> None:
    depot.render(spec(depot, scripts, retries=1))
    depot.run(1)
    for number, end in enumerate(depot.ends()):
        assert (end["exit_code"], end["cause"], end["stored"]) == (94, "stage_out", [])
        assert f"stored at depot://store/{number}/out file.txt in 2 tries: " in end["note"]
        assert told in end["note"]
    assert not any(name.split("/")[-1] == "out file.txt" for name in stored(depot))
    assert "out.txt" in locals_(depot)  # nothing is lost


def test_a_cut_upload_that_reports_success_is_done_again(depot: Depot) -> None:
    cut = '[ -e "cut${at:6:1}" ] && fine "$@" || { touch "cut${at:6:1}"; mkdir -p "${at%/*}"; '
    cut += 'head -c 1 "$2" >"$at"; }'
    depot.render(spec(depot, {"put": cut}))
    depot.run()
    assert stored(depot) == {"0/out file.txt": b"0\n", "1/out file.txt": b"1\n"}


def test_a_file_store_by_its_plain_path(depot: Depot) -> None:
    told = spec(depot)
    told["outputs"]["out"]["destination"] = f"{depot.path}/kept/{{{{ shard.name }}}}.txt"
    depot.render(told)
    depot.run()
    assert depot.left("kept") == ["s0.txt", "s1.txt"]


def test_variables_of_the_spec_reach_the_transfers(depot: Depot) -> None:
    told = spec(depot, {"put": 'echo "token $TOKEN" >>calls; fine "$@"'})
    told["env"] = {"TOKEN": "t-{{ shard.index }}"}
    depot.render(told)
    depot.run()
    assert sorted(depot.calls("token")) == ["t-0", "t-1"]


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        ("depot://store/same.txt", "two outputs would be stored at depot://store/same.txt"),
        ("relative/{{ shard.name }}", "is neither a URL nor an absolute path"),
        ("depot://u:pw@host/{{ shard.name }}", "a URL with a password"),
        ("nosuch://host/{{ shard.name }}", "nobody has said how files are copied to nosuch://"),
        ("depot://store/{{ attempt.dir }}", "is known at the render"),
        ("depot://store/{{ shard.nam }}", "shard.nam"),
        ("depot://store/a\n{{ shard.name }}", "line end"),
    ],
)
def test_refused_at_the_render(depot: Depot, destination: str, told: str) -> None:
    changed = spec(depot)
    changed["outputs"]["out"]["destination"] = destination
    assert told in depot.render(changed, code=2)


def test_no_password_of_the_environment_is_written(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    depot.render(spec(depot))
    monkeypatch.setenv("STORE_PASSWORD", "hunter2-" + "x" * 20)
    depot.run()
    for path in (depot.path / "runs").rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes()


def test_a_merge_says_where_the_outputs_are(depot: Depot) -> None:
    told = spec(depot)
    told["merge"] = {"kind": "text", "output": "out"}
    depot.render(told)
    depot.run()
    said = depot("merge", "runs/r", code=1)
    assert "outputs of 2 shards are kept elsewhere, such as depot://store/0/out file.txt" in said


def test_what_is_looked_at_here_has_to_stay_here(depot: Depot) -> None:
    told = spec(depot)
    told["outputs"]["out"]["check"] = {"require": "[0-9]"}
    assert "staging: {keep: true}" in depot.render(told, code=2)
    told["staging"]["keep"] = True
    depot.render(told)
    depot.run()
