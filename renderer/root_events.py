"""How many events are in ROOT files: read from the files themselves, by uproot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from manifest.errors import UserError


def count_events(paths: Iterable[str], tree: str, where: str) -> Iterator[int]:
    """Yield the entries of a tree (or RNTuple) in each file.

    Raises:
        UserError: uproot is not installed, or a file has no such tree, or cannot be read.
    """
    try:
        import uproot  # noqa: PLC0415 (slow, and an extra)
    except ImportError as error:
        raise UserError(
            "counting the events of ROOT files needs uproot",
            where=where,
            hint="pip install 'farmhand[root]', or write the numbers into a @list",
        ) from error
    for path in paths:
        try:
            with uproot.open(path) as file:
                found = file.get(tree)
                count = None if found is None else int(found.num_entries)
        except Exception as error:  # uproot raises what its many parts raise
            raise UserError(
                f"{path} cannot be read as a ROOT file: {_first_line(error)}",
                where=where,
                hint="copy it again, or leave it out",
            ) from error
        if count is None:
            raise UserError(f"{path} has no tree '{tree}'", where=where)
        yield count


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
