"""The htcondor: section, and every name that may stand under its commands, as HTCondor has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import htcondor2
import pytest
from pydantic import ValidationError

from manifest.condor_commands import COMMANDS, OURS, command_problem
from manifest.htcondor_section import Htcondor

if TYPE_CHECKING:
    from tests.clusters.condor import Condor

NAMES = sorted(COMMANDS)
# A value that HTCondor takes for a command, where 1 is none.
VALUES = {
    "notification": "Never", "should_transfer_files": "YES", "when_to_transfer_output": "ON_EXIT",
    "universe": "vanilla", "requirements": "True", "getenv": "HOME", "executable": "/bin/true",
    "environment": '"A=1"', "container_image": "/x.sif", "docker_image": "x",
    "docker_pull_policy": "always", "queue": "1", "transfer_input_files": "https://x.org/y",
    "log": "/tmp/x.log", "output": "o", "error": "e", "initialdir": "/tmp", "input": "/dev/null",
    "kill_sig": "SIGTERM", "hold_kill_sig": "SIGTERM", "remove_kill_sig": "SIGTERM",
    "rm_kill_sig": "SIGTERM", "transfer_output_remaps": '"a=b"', "hold": "False",
    "x509userproxy": "/dev/null", "job_ad_information_attrs": "Owner", "batch_name": "b",
    "concurrency_limits": "a:1", "concurrency_limits_expr": '"a"', "retry_until": "1",
    "cuda_version": "11.0", "request_gpus": "1", "docker_network_type": "none",
    "cron_minute": "1", "output_destination": "https://x.org/", "manifest": "True",
    "use_oauth_services": "", "container_service_names": "", "public_input_files": "/dev/null",
}  # fmt: skip


def section(**values: Any) -> Htcondor:
    return Htcondor.model_validate(values)


def refusal(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        section(**values)
    return str(caught.value)


def test_what_is_left_out_is_not_written() -> None:
    assert section().lines() == []
    assert section(requirements="Cpus > 1").lines() == []  # it is joined with excluded machines


def test_what_is_written() -> None:
    given = section(
        rank="KFlops",
        accounting_group="g.x",
        accounting_group_user="me",
        container_image="docker://x/y:1",
        notification="Error",
        job_flavour="long-lunch.2",
        custom_resources={"squids": "2"},
        attributes={"ProjectName": '"it\'s #1"', "W": "true"},
        commands={"Priority": "5", "periodic_release": "NumJobStarts < 3"},
    )
    assert given.lines() == [
        ("rank", "KFlops"),
        ("accounting_group", "g.x"),
        ("accounting_group_user", "me"),
        ("container_image", "docker://x/y:1"),
        ("notification", "Error"),
        ("My.JobFlavour", '"long-lunch.2"'),
        ("request_squids", "2"),
        ("My.ProjectName", '"it\'s #1"'),
        ("My.W", "true"),
        ("Priority", "5"),
        ("periodic_release", "NumJobStarts < 3"),
    ]


@pytest.mark.parametrize("name", [*NAMES, "Priority", "NICE_USER"])
def test_each_name_is_known_or_refused_with_the_reason(name: str) -> None:
    problem = command_problem(name, VALUES.get(name, "1") or "x")
    if name in OURS:
        assert problem is not None
        assert problem.startswith(f"'{name}' is not for here: ")
    else:
        assert problem is None


def test_every_name_that_is_refused_is_a_command() -> None:
    assert set(OURS) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_htcondors_reader_takes_each_name(name: str) -> None:
    """It does not complain; what it makes of them, condor_submit has to say."""
    text = f"executable = /bin/true\n{name} = {VALUES.get(name, '1')}\nqueue\n"
    assert htcondor2.Submit(text)["executable"] == "/bin/true"


# Commands that are used beside others only.
BESIDE = {
    **dict.fromkeys([name for name in NAMES if "gpus_m" in name or name == "require_gpus"],
                    "request_gpus = 1"),
    **dict.fromkeys(["cron_prep_time", "cron_window"], "cron_minute = 1"),
    **dict.fromkeys(["deferral_prep_time", "deferral_window"], "deferral_time = 1"),
    "container_service_names": (
        "container_image = /x.sif\nuniverse = container\na_container_port = 1"
    ),
}  # fmt: skip
# Commands of releases after that of the pool.
NEWER = {
    "batch_project", "docker_send_credentials", "mount_under_scratch", "primary_unix_group",
    "retry_request_disk", "retry_request_memory", "retry_request_memory_increase",
    "retry_request_memory_max", "shell",
}  # fmt: skip


def unused(condor: Condor, folder: Path, lines: list[str]) -> set[str]:
    """Which of these lines condor_submit says that it did not use, each in a file of its own."""
    for number, line in enumerate(lines):
        text = f"executable = /bin/true\nrequest_memory = 1 MB\n{line}\nqueue\n"
        (folder / f"{number}.sub").write_text(text, encoding="utf-8")
    # In one process of the user: it is started more than a hundred times.
    loop = "for file in *.sub; do condor_submit -dry-run /dev/null $file 2>&1; done; true"
    said = condor.run_as_user(["sh", "-c", loop], cwd=folder).stdout
    # Three ask for credentials that are not there.
    assert said.count("dry-run to cluster") >= len(lines) - 3, said
    last = {line: line.rpartition("\n")[2] for line in lines}
    return {line for line, shown in last.items() if f"the line '{shown}' was unused" in said}


def test_condor_submit_knows_each_name(condor: Condor) -> None:
    def line(name: str) -> str:
        own = f"{name} = {VALUES.get(name, '1')}"
        return f"{BESIDE[name]}\n{own}" if name in BESIDE else own

    lines = {name: line(name) for name in NAMES if name != "queue"}
    stranger = "no_such_command = 1"
    found = unused(condor, condor.workspace(), [stranger, *lines.values()])
    assert stranger in found
    assert {name for name, line in lines.items() if line in found} == NEWER


def test_the_library_of_the_newest_release_has_the_names_that_the_pool_has_not() -> None:
    folder = Path(htcondor2.__file__).parents[1] / "htcondor.libs"
    (library,) = folder.glob("libcondor_utils*.so*")
    data = library.read_bytes()
    assert {name for name in NEWER if f"\0{name}\0".encode() in data} == NEWER
    assert b"\0no_such_command\0" not in data


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("request_memmory", "did you mean 'request_memory'?"),
        ("request_gpu", "did you mean 'request_gpus'?"),
        ("request_squids", "goes under htcondor.custom_resources"),
        ("priorty", "did you mean 'priority'?"),
        ("+ProjectName", "attributes go under htcondor.attributes"),
        ("My.ProjectName", "attributes go under htcondor.attributes"),
        ("", "is no submit command"),
        ("a b", "is no submit command"),
        ("priority\nqueue 5", "is no submit command"),
    ],
)
def test_a_name_that_htcondor_would_take_silently(name: str, meant: str) -> None:
    assert meant in refusal(commands={name: "1"})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a\nqueue 100", "one line of printable text"),
        ("a\rb", "one line of printable text"),
        ("a\x00b", "one line of printable text"),
        ("a\u2028b", "one line of printable text"),
        ("a\tb", "one line of printable text"),
        ("tail\\", "a backslash at the end"),
        ("tail\\  ", "a backslash at the end"),
        ("", "needs a value"),
        ("  ", "needs a value"),
    ],
)
@pytest.mark.parametrize(
    "where",
    ["commands", "custom_resources", "attributes", "accounting_group", "requirements", "rank"],
)
def test_values_that_would_become_something_else(where: str, value: str, problem: str) -> None:
    names = {"commands": "priority", "custom_resources": "squids", "attributes": "X"}
    given = {names[where]: value} if where in names else value
    assert problem in refusal(**{where: given})


@pytest.mark.parametrize(
    "text",
    [
        'Machine == "x', "(A == 1) && (B", "A) || (B", "A ==", "Cpus = 3", "a b", "((X)",
        'strcat("a";', '"', "A && (B))",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["requirements", "rank", "attributes"])
def test_expressions_that_cannot_be_read(where: str, text: str) -> None:
    given = {"X": text} if where == "attributes" else text
    assert "is no ClassAd expression: look at its quotes" in refusal(**{where: given})


@pytest.mark.parametrize(
    "text",
    [
        'Machine != "n1" && regexp("^a", TARGET.Name)', "MY.x =?= undefined", "true", "3 + 4",
        'Arch == "$(ARCH)"', "Memory > $$(Memory)", "$ENV(CPUS) > 1", "$$([1 + 1]) == 2",
        "'odd name' > 3", '{"a", "b"}', '"a \\"b\\""',
    ],
)  # fmt: skip
def test_expressions_that_can(text: str) -> None:
    """What holds macros is HTCondor's to judge."""
    given = section(requirements=text, attributes={"X": text})
    assert given.lines() == [("My.X", text)]


@pytest.mark.parametrize("name", ["cpus", "Memory", "disk", "gpus"])
def test_the_usual_resources_are_not_custom(name: str) -> None:
    said = refusal(custom_resources={name: "1"})
    assert f"'{name}' is not for here: say resources.{name.lower()}" in said


@pytest.mark.parametrize("name", ["My.X", "+X", "a b", "1x", "", "x-y", "x\ny"])
def test_names_of_attributes(name: str) -> None:
    assert "is no attribute name" in refusal(attributes={name: "1"})
    assert "is no attribute name" in refusal(custom_resources={name: "1"})


def test_the_attribute_that_jobs_are_found_by_is_ours() -> None:
    assert "is farmhand's own" in refusal(attributes={"FarmhandSubmission": "1"})


@pytest.mark.parametrize("flavour", ['a"b', "two words", "$(X)", "", "a\nb"])
def test_a_flavour_is_a_name(flavour: str) -> None:
    assert "is no name" in refusal(job_flavour=flavour)


@pytest.mark.parametrize("value", ["data.txt", "plan, https://x.org/y", "https://x.org/a b", ","])
def test_files_to_transfer_are_inputs_urls_are_fetched(value: str) -> None:
    assert "is for URLs only" in refusal(commands={"transfer_input_files": value})


def test_urls() -> None:
    value = "https://x.org/a?b=c, root://y.org//z,osdf:///pool/f"
    given = section(commands={"Transfer_Input_Files": value, "priority": "1"})
    assert given.urls() == ["https://x.org/a?b=c", "root://y.org//z", "osdf:///pool/f"]
    assert given.lines() == [("priority", "1")]


@pytest.mark.parametrize("value", ["0", "-1", "x"])
def test_a_number_of_jobs_for_one_submission(value: str) -> None:
    refusal(max_per_submission=value)


def test_notification_is_one_of_four() -> None:
    assert "Never" in refusal(notification="never again")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("A B", "x", "is no name of a variable"),
        ("", "x", "is no name of a variable"),
        ("A=B", "x", "is no name of a variable"),
        ("A", "two\nlines", "printable"),
        ("A", "$$(Memory)", "has $$"),
        ("A", "$$([1 + 1])", "has $$"),
        ("A", "x$(Dollar)", "has $(dollar)"),
    ],
)
def test_variables_that_htcondor_cannot_set(name: str, value: str, why: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(why)):
        Htcondor.model_validate({"environment": {name: value}})
