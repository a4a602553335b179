"""What a git checkout is at: asked of git by the same shell text that the payload runs."""

from __future__ import annotations

from dataclasses import dataclass

from runners.asked import ask

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""sha256 of no difference."""
_TIMEOUT_S = 300.0
_UNTRACKED = 'git -C "$1" ls-files --others --exclude-standard --directory --full-name | wc -l'


@dataclass(frozen=True, slots=True)
class Looked:
    """A checkout, or why it cannot be told; one of ``commit`` and ``problem`` is None."""

    commit: str | None = None
    branch: str | None = None
    diff: str | None = None
    """sha256 of what differs from the commit; None: nothing does."""
    untracked: int | None = None
    problem: str | None = None

    def known(self) -> dict[str, object] | None:
        """Return what attempts tell of it too, in their words."""
        if self.commit is None:
            return None
        return {
            "commit": self.commit,
            "branch": self.branch,
            "dirty": self.diff is not None,
            "diff": self.diff,
        }


def look_at_checkout(text: str, folder: str) -> Looked:
    """Ask git about a directory.

    Args:
        text: the shell function that asks, ``fh_checkout``.
        folder: any directory of the checkout.
    """
    argv = ("bash", "-c", f'{text}\nfh_checkout "$1" && {_UNTRACKED}', "farmhand", folder)
    asked = ask(argv, _TIMEOUT_S)
    lines = asked.out.split("\n")
    if asked.code != 0 or len(lines) < 4:  # noqa: PLR2004 (commit, branch, digest, number)
        return Looked(problem=asked.problem or lines[0] or f"git ended with code {asked.code}")
    commit, branch, diff, untracked = lines[:4]
    return Looked(commit, branch or None, None if diff == NOTHING else diff, int(untracked))
