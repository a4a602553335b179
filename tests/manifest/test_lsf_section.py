from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from manifest.bsub_options import OPTIONS, directive
from manifest.lsf_requirements import Requirement, parse_requirement
from manifest.lsf_section import Lsf, LsfHabits


def test_what_is_left_out_is_not_said() -> None:
    assert Lsf().options() == []
    assert Lsf().output == "append"


def test_options_come_in_a_fixed_order() -> None:
    section = Lsf.model_validate(
        {
            "directives": {"sp": "10", "x": "true", "H": "no", "w": 'done("a")'},
            "rerun": "false",
            "notify": "both",
            "mail_user": "me@example.org",
            "job_group": "/toys",
            "application": "big",
            "user_group": "atlas",
            "project": "physics",
            "queue": ["1nh", "8nh"],
            "exclude": "n1, n2",
        }
    )
    assert section.options() == [
        ("q", "1nh 8nh"),
        ("P", "physics"),
        ("G", "atlas"),
        ("app", "big"),
        ("g", "/toys"),
        ("u", "me@example.org"),
        ("B", None),
        ("N", None),
        ("rn", None),
        ("sp", "10"),
        ("x", None),
        ("w", 'done("a")'),
    ]
    assert section.exclude == ("n1", "n2")
    assert Lsf.model_validate_json(section.model_dump_json()) == section
    assert Lsf(rerun=True, notify="end").options() == [("N", None), ("r", None)]


def test_a_spec_wins_over_the_site() -> None:
    site = LsfHabits(max_array_size=9, memory_unit="GB", rusage_per="slot", memory_limit=False)
    spec = Lsf.model_validate({"memory_unit": "suffix", "memory_limit": "true"})
    assert spec.over(site) == LsfHabits(
        max_array_size=9, memory_unit="suffix", rusage_per="slot", memory_limit=True
    )
    assert Lsf().over(site) == site


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"directives": {"Q": ""}}, ("directives", "Q"), "needs a value"),
        ({"directives": {"que": "a"}}, ("directives", "que"), "no option of bsub"),
        ({"directives": {"walltime": "4h"}}, ("directives", "walltime"), "resources.walltime"),
        ({"directives": {"R": "a"}}, ("directives", "R"), "say lsf.select"),
        ({"directives": {"M": "1"}}, ("directives", "M"), "say resources.memory"),
        ({"directives": {"-J": "a"}}, ("directives", "-J"), "found again by the name"),
        ({"directives": {"K": "true"}}, ("directives", "K"), "type it behind bsub"),
        ({"directives": {"Is": "true"}}, ("directives", "Is"), "runs unattended"),
        ({"directives": {"x": "1"}}, ("directives", "x"), "write true or false"),
        ({"directives": {"sp": "a\nb"}}, ("directives", "sp"), "one line of printable text"),
        ({"directives": {"Ep": 'echo "it\'s"'}}, ("directives", "Ep"), "both kinds of quotes"),
        ({"queue": ""}, ("queue",), "needs a value"),
        ({"project": "a\\b"}, ("project",), "a backslash does not reach LSF"),
        ({"project": "#1"}, ("project",), "for a comment"),
        ({"exclude": "a;b"}, ("exclude", 0), "is no host"),
        ({"gpu": "num=2"}, ("gpu",), "say resources.gpus"),
        ({"output": "new"}, ("output",), "'append' or 'overwrite'"),
        ({"memory_unit": "kB"}, ("memory_unit",), "'KB', 'MB', 'GB', 'TB' or 'suffix'"),
        ({"max_array_size": "0"}, ("max_array_size",), "greater than 0"),
        ({"select": "rusage[mem=3]"}, ("select",), "say resources.memory"),
        ({"select": "type==any rusage[lic=1, MEM = 3]"}, ("select",), "say resources.memory"),
        ({"select": "rusage[a=1 || b=1]"}, ("select",), "alternatives (||)"),
        ({"select": "span[ptile=2]"}, ("select",), "a shard runs on one host"),
        ({"select": "cu[type=rack]"}, ("select",), "several hosts"),
        ({"select": "1*{select[a]}+2*{select[b]}"}, ("select",), "braces"),
        ({"select": 'type=="any"'}, ("select",), "write ' instead"),
        ({"select": "selcet[a]"}, ("select",), "no such section"),
        ({"select": "select[a"}, ("select",), "not closed"),
        ({"select": "order[]"}, ("select",), "no text between brackets"),
        ({"select": "order[a] order[b]"}, ("select",), "there twice"),
        ({"select": "order[a] b"}, ("select",), "a section was expected"),
        ({"select": "a order[x[1]]"}, ("select",), "not closed"),
        ({"select": "a select[b]"}, ("select",), "there twice"),
    ],
)
def test_each_wrong_value_is_complained_of_in_its_own_place(
    given: dict[str, Any], place: tuple[str | int, ...], words: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        Lsf.model_validate(given)
    [error] = raised.value.errors()
    assert error["loc"] == place
    assert words in error["msg"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type==any && mem>1000", Requirement(select="type==any && mem>1000")),
        ("select[hname!='a-b']", Requirement(select="hname!='a-b'")),
        ("A100 rusage[lic=1]", Requirement(select="A100", rusage="lic=1")),
        ("order[ut] span[hosts=1]", Requirement(order="ut")),
        ("rusage[a=1]  rusage[b=2:duration=3]", Requirement(rusage="a=1,b=2:duration=3")),
        ("maxmem > 3", Requirement(select="maxmem > 3")),
        ("rusage[maxmem=1]", Requirement(rusage="maxmem=1")),
        ("affinity[core(1):cpubind=core]", Requirement(affinity="core(1):cpubind=core")),
    ],
)
def test_requirements_are_taken_apart(text: str, expected: Requirement) -> None:
    assert parse_requirement(text) == expected


def test_and_put_together_again_with_ours() -> None:
    full = Requirement("a || b", "ut", "lic=1", "core(1)")
    assert full.text(memory="mem=3", one_host=True, without=("n1", "n-2")) == (
        "select[(a || b) && hname!='n1' && hname!='n-2'] order[ut] rusage[mem=3,lic=1] "
        "span[hosts=1] affinity[core(1)]"
    )
    assert full.text(memory=None, one_host=False, without=()) == (
        "select[a || b] order[ut] rusage[lic=1] affinity[core(1)]"
    )
    assert Requirement().text(memory=None, one_host=False, without=()) == ""
    assert Requirement().text(memory=None, one_host=False, without=("n",)) == "select[hname!='n']"


def test_a_directive_as_bsub_takes_it() -> None:
    assert directive("cwd", " kept as it is ") == ("cwd", " kept as it is ")
    assert directive("x", "YES") == ("x", None)
    assert directive("x", "false") is None
    assert all(name[0].isalpha() for name in OPTIONS)
