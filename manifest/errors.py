"""The one error tree. Only the command line's boundary turns these into exit codes."""

from __future__ import annotations


class FarmhandError(Exception):
    """Root of every error farmhand raises on purpose; on its own it means a bug (exit code 3)."""

    exit_code = 3


class UserError(FarmhandError):
    """Something was asked wrongly or cannot be read (exit code 2)."""

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        """Say what, where and what to do.

        Args:
            what: one sentence, naming the object in question.
            where: the file, line or directory concerned.
            hint: what to do about it, an imperative sentence.
        """
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return the message as people see it: what, where, what to do."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  to do: {self.hint}")
        return "\n".join(lines)


class Refusal(UserError):  # noqa: N818 (it is an answer, not an error)
    """The question was fine and the answer is no: bad shards, an unsound merge (exit code 1)."""

    exit_code = 1
