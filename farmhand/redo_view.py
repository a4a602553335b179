"""What is redone and what is left alone, as resubmit and submit show it."""

from __future__ import annotations

import shutil

from farmhand.redo import Group, Left
from farmhand.talk import say
from reports.resubmit_table import Change, resubmit_table


def show_left(left: Left) -> None:
    """Say why bad shards are left alone."""
    for why, members in sorted(left.items(), key=lambda item: -len(item[1])):
        say(f"left alone: {len(members)} shard{'s' * (len(members) != 1)}: {why}")


def show_groups(groups: list[Group]) -> None:
    """Say what is submitted again, and with what."""
    changes = [
        Change(g.cause, [i for i, _ in g.shards], g.asked, g.resources, g.why) for g in groups
    ]
    for line in resubmit_table(changes, shutil.get_terminal_size().columns):
        say(line)
