"""The hosts file: its grammar, and what is wrong in which line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import UserError
from manifest.hosts import Host, parse_hosts, working
from manifest.shares import shares
from manifest.spec import Spec


def test_a_file_is_read_line_by_line() -> None:
    text = """
    # our machines
    node1
    node2  weight=2.5 threads=8   # the new one
    node3  USER=ana port=2222 slots=4
    node4  3
    [::1]  weight=0
    """
    assert parse_hosts(text, "hosts.txt") == (
        Host(name="node1"),
        Host(name="node2", weight=2.5, threads=8),
        Host(name="node3", user="ana", port=2222, slots=4),
        Host(name="node4", weight=3),
        Host(name="[::1]", weight=0),
    )


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("node2 wieght=2", "unknown key 'wieght'; did you mean 'weight'?"),
        ("node2 weight=two", "weight=two: input should be a valid number"),
        ("node2 weight=-1", "weight=-1: input should be greater than or equal to 0"),
        ("node2 threads=0", "threads=0: input should be greater than 0"),
        ("node2 port=70000", "port=70000: input should be less than 65536"),
        ("node2 port=22 port=23", "port is given twice"),
        ("node2 big", "'big' is no KEY=VALUE"),
        ("node2 2 weight=3", "weight is given twice"),
        ("-oProxyCommand=id", "'-oProxyCommand=id' is not the name of a host"),
        ("node2 user=-x", "'-x' is not the name of a user"),
        ("node1 weight=2", "host 'node1' stands here a second time"),
    ],
)
def test_an_error_names_its_line(line: str, what: str) -> None:
    with pytest.raises(UserError) as error:
        parse_hosts(f"node1\n\n{line}\n", "hosts.txt")
    assert error.value.what.startswith(what)
    assert str(error.value.where).startswith("hosts.txt:3")
    assert error.value.hint


def test_a_file_without_a_host_is_an_error() -> None:
    with pytest.raises(UserError, match="no host"):
        parse_hosts("# nobody\n", "hosts.txt")


def test_a_spec_takes_lines_and_blocks() -> None:
    spec = Spec.model_validate(
        {
            "name": "a",
            "work": {"count": 1},
            "command": ["true"],
            "ssh": {"hosts": ["node1 weight=2", {"name": "node2", "port": "23"}]},
        }
    )
    assert spec.ssh.hosts == (Host(name="node1", weight=2), Host(name="node2", port=23))
    with pytest.raises(ValueError, match="unknown key 'wait'"):
        type(spec.ssh).model_validate({"hosts": ["node1 wait=2"]})
    with pytest.raises(ValueError, match="'node1' stands here twice"):
        type(spec.ssh).model_validate({"hosts": ["node1", "node1 weight=3"]})


def test_a_weight_of_0_is_no_work() -> None:
    hosts = parse_hosts("a weight=0\nb\nc weight=0.5\n", "h")
    assert [host.name for host in working(hosts)] == ["b", "c"]


@given(
    st.integers(1, 10**9),
    st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=50).filter(any),
)
def test_shares_add_up_and_are_within_one_of_the_weight(count: int, weights: list[float]) -> None:
    found = shares(count, weights)
    assert sum(found) == count
    whole = sum(weights)
    for mine, weight in zip(found, weights, strict=True):
        assert abs(mine - count * weight / whole) < 1 + 1e-6 * count
        assert weight or not mine
