from __future__ import annotations

import pytest
from pydantic import ValidationError

from manifest.sbatch_options import OPTIONS, directive
from manifest.slurm_section import Slurm


def test_what_is_left_out_is_not_said() -> None:
    assert Slurm().options() == []
    assert Slurm.model_validate({"requeue": "false"}).requeue is False
    assert Slurm().requeue is True


def test_options_come_in_a_fixed_order_lists_with_commas() -> None:
    given = {
        "directives": {"nice": "5", "hold": "true", "reboot": "false", "exclusive": "yes"},
        "mail_user": "a b",
        "mail_type": ["END", "FAIL"],
        "reservation": "r",
        "licenses": ["a:1", "b"],
        "clusters": "c1,c2",
        "constraint": "x&y",
        "qos": "long",
        "account": "physics",
        "partition": ["p1", "p2"],
        "exclude": ["n1", "n2"],
    }
    section = Slurm.model_validate(given)
    assert section.options() == [
        "partition=p1,p2",
        "account=physics",
        "qos=long",
        "constraint=x&y",
        "clusters=c1,c2",
        "licenses=a:1,b",
        "reservation=r",
        "mail-type=END,FAIL",
        "mail-user=a b",
        "nice=5",
        "hold",
        "exclusive",
    ]
    assert section.exclude == "n1,n2"
    assert Slurm.model_validate_json(section.model_dump_json()) == section


def test_each_wrong_directive_is_complained_of_in_its_own_place() -> None:
    with pytest.raises(ValidationError) as raised:
        Slurm.model_validate({"qos": "a", "directives": {"qos": "b", "hold": "7", "nice": "1"}})
    found = {error["loc"]: error["msg"] for error in raised.value.errors()}
    assert found == {
        ("directives", "qos"): "given twice, here and as slurm.qos",
        ("directives", "hold"): "'hold' takes no value: write true or false",
    }


@pytest.mark.parametrize(
    ("name", "value", "option"),
    [
        ("comment", "true", "comment=true"),
        ("exclusive", "user", "exclusive=user"),
        ("exclusive", "True", "exclusive"),
        ("exclusive", "no", None),
        ("nice", "100", "nice=100"),
        ("nice", "true", "nice"),
        ("hold", "YES", "hold"),
        ("hold", "false", None),
        ("propagate", "NONE", "propagate=NONE"),
        ("oom-kill-step", "1", "oom-kill-step=1"),
        ("cpus-per-gpu", "2", "cpus-per-gpu=2"),
        ("wait-all-nodes", "1", "wait-all-nodes=1"),
        ("comment", " kept as it is ", "comment= kept as it is "),
    ],
)
def test_a_directive_as_sbatch_takes_it(name: str, value: str, option: str | None) -> None:
    assert directive(name, value) == option


def test_names_are_whole() -> None:
    assert all(name[0].isalpha() and name[-1].isalpha() for name in OPTIONS)


@pytest.mark.parametrize("value", ["", "a\nb", "a\tb", "\x1b[1m", "\u2028", "\udcff", "x" * 4001])
def test_a_value_that_no_line_can_hold(value: str) -> None:
    with pytest.raises(ValueError, match=r"needs a value|printable text|too many"):
        directive("comment", value)
