"""``farmhand doctor`` on the clients that copy files, and on what lets them in."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_doctor import Machine, lines, machine

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["machine"]  # the fixture

SECRET = "AKIAFARMHANDSECRET"
NEEDED = {
    "name": "r", "work": {"count": 1}, "command": ["x"],
    "outputs": {"o": {"path": "o", "destination": "s3://b/{{ shard.name }}"}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("BEARER_TOKEN", "BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR", "S3CMD_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def rendered(farm: Any) -> None:
    (farm.path / "farmhand.yaml").write_text(json.dumps(NEEDED))
    farm("render", "--run-id", "r")


def test_clients_that_nobody_needs_and_that_are_not_here_are_passed_over(
    farm: Any, machine: Machine
) -> None:
    assert "://" not in farm("doctor").out
    machine.has("aws", "echo aws-cli/2.9 Python/3.11")
    assert f"ok   s3://: aws 2.9 at {machine.bin}/aws\n" in farm("doctor").out


def test_a_client_that_a_run_needs_and_that_is_missing(farm: Any, machine: Machine) -> None:
    rendered(farm)
    said = farm("doctor", "runs/r", code=1).out
    assert "BAD  s3://: aws not on PATH, and copies need it\n" in said


def test_the_commands_of_the_site_are_the_ones_that_are_needed(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered(farm)
    commands = {
        "s3": {"get": ["s3cmd", "get"], "put": ["s3cmd", "put"], "size": [], "sum": [], "list": []},
        "gsiftp": {"get": ["sh", "-c", "gfal-copy -- $1 $2"]},
    }
    (farm.path / "site.yaml").write_text(json.dumps({"transfers": commands}))
    monkeypatch.setenv("FARMHAND_SITE", str(farm.path / "site.yaml"))
    machine.has("s3cmd", "echo s3cmd version 2.3.0")
    said = farm("doctor", "runs/r", code=1).out
    assert "ok   s3://: s3cmd 2.3.0 at " in said
    assert "BAD  gsiftp://: gfal-copy not on PATH" in said
    assert "--   credentials of s3cmd: there is no " in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"[default]\naws_secret_access_key = {SECRET}\n", ("ok", "/.aws/credentials")),
        (f"[default]\nkey = {SECRET}\nexpiration = 2020-01-01T00:00:00Z\n", ("BAD", "has expired")),
        (f"[default]\nkey = {SECRET}\nx_security_token_expires = 2999-01-01T00:00:00+00:00\n",
         ("ok", " left")),
        (f"[other]\nkey = {SECRET}\n", ("--", "has no profile 'default'")),
        (f"{SECRET}\n", ("BAD", "cannot be read")),
        (None, ("--", "neither AWS_ACCESS_KEY_ID nor ")),
    ],
)  # fmt: skip
def test_the_credentials_of_aws_are_looked_for_and_not_printed(
    farm: Any, machine: Machine, tmp_path: Path, text: str | None, expected: tuple[str, str]
) -> None:
    machine.has("aws", "echo aws-cli/2.9")
    if text is not None:
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws/credentials").write_text(text)
    said = farm("doctor", code=None)
    found = lines(said.out)["credentials of aws"]
    assert found[0] == expected[0]
    assert expected[1] in found[1]
    assert SECRET not in said.text


def test_credentials_in_the_environment_are_not_printed(
    farm: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has("aws", "echo aws-cli/2.9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRET)
    said = farm("doctor")
    assert "ok   credentials of aws: in the environment (AWS_ACCESS_KEY_ID)\n" in said.out
    assert SECRET not in said.text


def token(end: float) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"exp": end, "sub": SECRET}).encode())
    return f"e30.{body.decode().rstrip('=')}.{SECRET}"


@pytest.mark.parametrize(("hours", "expected"), [(-1, ("BAD", "has expired")), (5, ("ok", "left"))])
def test_a_token_of_the_grid(
    farm: Any,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
    expected: tuple[str, str],
) -> None:
    for name in ("xrdcp", "xrdfs"):
        machine.has(name, "echo v5.5.3 >&2")
    (farm.path / "tok").write_text(token(time.time() + 3600 * hours + 60))
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(farm.path / "tok"))
    said = farm("doctor", code=None)
    assert f"root://: xrdcp 5.5.3 at {machine.bin}/xrdcp, xrdfs at " in said.out
    found = lines(said.out)["credentials of xrdcp"]
    assert found[0] == expected[0]
    assert expected[1] in found[1]
    assert SECRET not in said.text
