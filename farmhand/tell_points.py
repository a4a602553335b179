"""What render says about a grid: how many points there are, and which are left out, and why."""

from __future__ import annotations

from farmhand.talk import say
from manifest.points import Points
from manifest.splitting import Part


def tell_points(part: Part, points: Points) -> None:
    """Say how a grid comes to its points."""
    shape = " x ".join(f"{count} {names}" for names, count in points.shape())
    text = f"{part.name or 'grid'}  {shape} = {_counted(points.total)}"
    if points.points < points.total:
        text += f", {points.total - points.points} of them excluded: {points.points} left"
    if part.shards != points.points:
        text += f", in {part.shards} shards"
    say(text)
    for number, which, why in points.exclusions():
        say(f"{number:>7} excluded ({which}): {why}")


def _counted(number: int) -> str:
    return f"{number} point" + "s" * (number != 1)
