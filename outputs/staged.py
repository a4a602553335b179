"""Results that appear whole or not at all: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from typing import TYPE_CHECKING, BinaryIO, Self

from manifest.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_BUFFER = 1 << 20
_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{12}\.tmp(\.[^.]*)?", re.DOTALL)


def temporary_name(target: str) -> str:
    """Return a name beside ``target`` that keeps its suffix (tools such as hadd look at it)."""
    folder, base = os.path.split(os.path.abspath(target))
    stem, suffix = os.path.splitext(base)
    return os.path.join(folder, f".{stem[:100]}.{secrets.token_hex(6)}.tmp{suffix}")


def is_temporary(name: str) -> bool:
    """Say whether a file or directory has such a name: whoever made it was killed."""
    return _TEMPORARY.fullmatch(name) is not None


def make_folder(path: str) -> None:
    """Make a directory for results, and remove what killed ones left in it.

    Only under a lock: what another one is writing looks the same.

    Raises:
        UserError: it cannot be made.
    """
    with writing(path):
        os.makedirs(path, exist_ok=True)
        with os.scandir(path) as entries:
            litter = [entry.path for entry in entries if is_temporary(entry.name)]
        for name in litter:
            if os.path.isdir(name) and not os.path.islink(name):
                shutil.rmtree(name, ignore_errors=True)
            else:
                os.unlink(name)


@contextlib.contextmanager
def writing(target: str) -> Iterator[None]:
    """Turn an OSError of writing into the message that people see.

    Raises:
        UserError: full disk, no permission, no such directory: what, where, what to do.
    """
    try:
        yield
    except OSError as error:
        folder = os.path.dirname(os.path.abspath(target))
        raise UserError(
            f"cannot write the merged result {os.path.basename(target)}: "
            f"{error.strerror or error}; nothing was changed",
            where=folder,
            hint="make room there, or name another place with --out",
        ) from error


class StagedFile:
    """One file under a temporary name; leaving the block without ``publish`` removes it."""

    def __init__(self, target: str) -> None:
        """Prepare to write ``target``; nothing exists before the block is entered."""
        self.target = target
        self.path = temporary_name(target)
        self.size = 0
        """Bytes written so far."""
        self._file: BinaryIO

    def __enter__(self) -> Self:
        """Create the temporary file.

        Raises:
            UserError: it cannot be created.
        """
        with writing(self.target):
            self._file = open(self.path, "xb", buffering=_BUFFER)
        return self

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            UserError: the disk is full or gone.
        """
        with writing(self.target):
            self._file.write(data)
        self.size += len(data)

    def finish(self) -> str:
        """Bring all bytes to the disk, close, and return the temporary path for reading back."""
        if not self._file.closed:
            with writing(self.target), self._file as file:
                file.flush()
                os.fsync(file.fileno())
        return self.path

    def publish(self) -> None:
        """Give the finished file its name, replacing an older result."""
        self.finish()
        with writing(self.target):
            os.replace(self.path, self.target)
            sync_directory(os.path.dirname(os.path.abspath(self.target)))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was not published."""
        with contextlib.suppress(OSError):  # the flush to a full disk fails once more
            self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)


class StagedDirectory:
    """A directory under a temporary name; leaving the block without ``publish`` removes it."""

    def __init__(self, target: str) -> None:
        """Prepare to write ``target``; nothing exists before the block is entered."""
        self.target = target
        self.path = temporary_name(target)

    def __enter__(self) -> Self:
        """Create the temporary directory.

        Raises:
            UserError: it cannot be created.
        """
        with writing(self.target):
            os.mkdir(self.path)
        return self

    def append(self, name: str, data: bytes) -> None:
        """Append bytes to one file; no file stays open, so there may be any number of them.

        Raises:
            UserError: the disk is full or gone.
        """
        with writing(self.target), open(os.path.join(self.path, name), "ab") as file:
            file.write(data)

    def finish(self) -> str:
        """Bring all files to the disk and return the temporary path for reading back."""
        with writing(self.target):
            for folder, _, names in os.walk(self.path):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as file:
                        os.fsync(file.fileno())
                sync_directory(folder)
        return self.path

    def publish(self) -> None:
        """Give the directory its name; an older one is removed after."""
        with writing(self.target):
            if not os.path.isdir(self.target):
                os.rename(self.path, self.target)
            elif _swap(self.path, self.target):
                shutil.rmtree(self.path)
            else:
                self._step_aside()
            sync_directory(os.path.dirname(os.path.abspath(self.target)))

    def _step_aside(self) -> None:
        """Let the older one go first: whoever is killed in between finds it under another name."""
        aside = temporary_name(self.target)
        os.rename(self.target, aside)
        try:
            os.rename(self.path, self.target)
        except OSError:
            os.rename(aside, self.target)
            raise
        shutil.rmtree(aside)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was not published."""
        shutil.rmtree(self.path, ignore_errors=True)


def _swap(one: str, other: str) -> bool:
    """Exchange two names at once: renameat2(2). False where that cannot be done (NFS, macOS)."""
    import ctypes  # noqa: PLC0415 (takes milliseconds, and only directories need it)

    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of fcntl.h and linux/fs.h
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # glibc before 2.28
        return False
    done: int = rename(here, os.fsencode(one), here, os.fsencode(other), exchange)
    return done == 0


def sync_directory(path: str) -> None:
    """Bring a rename to the disk, where the filesystem can."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some network filesystems refuse this
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
