"""What farmhand's verbs are measured against: the same bytes with nothing understood.

    python -m benchmarks.baseline write TREE COPY   write the files of TREE again, under COPY
    python -m benchmarks.baseline read PATH...      read the files, and every file below directories
    python -m benchmarks.baseline list DIR...       list every directory below them
    python -m benchmarks.baseline read-named NAME DIR...   read the files called NAME below them

Prints the seconds that took, without the start of the interpreter and without preparations.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk(directory: str) -> Iterator[os.DirEntry[str]]:
    """Yield every entry below a directory, parents before what is in them."""
    with os.scandir(directory) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path)


def write(tree: str, copy: str) -> float:
    """Write all directories, links and files of ``tree`` under ``copy``; return the seconds."""
    directories, links, files = [copy], [], []
    for entry in walk(tree):
        target = os.path.join(copy, os.path.relpath(entry.path, tree))
        if entry.is_symlink():
            links.append((os.readlink(entry.path), target))
        elif entry.is_dir():
            directories.append(target)
        else:
            with open(entry.path, "rb") as file:
                files.append((target, file.read(), entry.stat().st_mode))
    start = time.perf_counter()
    for directory in directories:
        os.mkdir(directory)
    for pointed_to, target in links:
        os.symlink(pointed_to, target)
    for target, content, mode in files:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o777)
        with open(descriptor, "wb", buffering=0) as file:
            file.write(content)
    return time.perf_counter() - start


def read(paths: list[str], name: str | None = None) -> float:
    """Find and read the files (only those called ``name``, if given); return the seconds."""
    start = time.perf_counter()
    for path in paths:
        if not os.path.isdir(path):
            read_file(path)
            continue
        for entry in walk(path):
            if entry.is_file() if name is None else entry.name == name:
                read_file(entry.path)
    return time.perf_counter() - start


def read_file(path: str) -> None:
    """Read one file to its end, through the system's own call."""
    descriptor = os.open(path, os.O_RDONLY)
    while os.read(descriptor, 1 << 20):
        pass
    os.close(descriptor)


def list_all(directories: list[str]) -> float:
    """List every directory below the given ones; return the seconds."""
    start = time.perf_counter()
    for directory in directories:
        for _entry in walk(directory):
            pass
    return time.perf_counter() - start


def main(arguments: list[str]) -> None:
    """Do one of the four and print its seconds."""
    verb, *rest = arguments
    if verb == "write":
        seconds = write(*rest)
    elif verb == "read":
        seconds = read(rest)
    elif verb == "read-named":
        seconds = read(rest[1:], rest[0])
    elif verb == "list":
        seconds = list_all(rest)
    else:
        sys.exit(f"no baseline is called {verb}")
    print(seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
