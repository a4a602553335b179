"""Files that a report writes: each appears whole, or not at all."""

from __future__ import annotations

import contextlib
import os

from manifest.errors import UserError
from outputs.staged import temporary_name


def write_whole(path: str, data: bytes) -> None:
    """Write a file under a temporary name and rename it.

    Raises:
        UserError: it cannot be written.
    """
    special = os.path.exists(path) and not os.path.isfile(path)  # /dev/stdout: not renamed
    temporary = path if special else temporary_name(path)
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
        if not special:
            os.replace(temporary, path)
    except OSError as error:
        if not special:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise UserError(
            f"cannot write {os.path.basename(path)}: {error.strerror or error}",
            where=os.path.dirname(os.path.abspath(path)),
            hint="name a file in a directory that exists, that you may write to and has room",
        ) from error
