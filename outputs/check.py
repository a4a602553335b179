"""Is this output what was planned? None means yes, else one sentence of evidence."""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from manifest.units import format_bytes
from outputs import json_document
from outputs.csv_rows import Table, TableError, plain_table
from outputs.root_check import root_problem
from outputs.text_rule import RuleWatch, watch_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from manifest.checks import Check, CsvCheck, TextRule
    from outputs.facts import ShardFacts


def check_output(path: str, shown: str, check: Check, facts: ShardFacts | None) -> str | None:
    """Check one output file; ``check.command`` is left to the runners.

    Args:
        path: the file.
        shown: its name in the evidence.
        check: the rules; with none of them the file only has to be there.
        facts: what ``shard.size`` and ``work.count`` stand for.

    Returns:
        None when the file is good. Never raises for anything a file can hold or lack, and reads
        it at most once: JSON as a whole, ROOT files by their keys, everything else as a stream.

    Raises:
        UserError: ROOT files are to be checked, and uproot is not installed.
    """
    return _opened(path, shown, lambda file: _check_file(file, path, shown, check, facts))


def check_text_rule(path: str, shown: str, rule: TextRule) -> str | None:
    """Search a log line by line; stops at the first forbidden line and never loads the file."""

    def search(file: BinaryIO) -> str | None:
        problem = watch_file(file, RuleWatch(rule))
        return f"{shown}: {problem}" if problem else None

    return _opened(path, shown, search)


def needs_command(check: Check) -> bool:
    """Whether a command has to be run on top of ``check_output``."""
    return bool(check.command)


def _opened(path: str, shown: str, look: Callable[[BinaryIO], str | None]) -> str | None:
    try:
        # O_NONBLOCK: a named pipe under an output's name must not hang the collection.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return f"{shown} does not exist"
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        return f"{shown} cannot be read: {_reason(error)}"
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return f"{shown} is not a regular file"
        with open(descriptor, "rb", buffering=1 << 16, closefd=False) as file:
            return look(file)
    except OSError as error:
        return f"{shown} cannot be read: {_reason(error)}"
    finally:
        os.close(descriptor)


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _check_file(
    file: BinaryIO, path: str, shown: str, check: Check, facts: ShardFacts | None
) -> str | None:
    problem = _size_problem(os.fstat(file.fileno()).st_size, check)
    if problem is None and check.root is not None:
        problem = root_problem(path, check.root, facts)
    if problem:
        return f"{shown} {problem}"
    if check.json_ is not None:
        data = file.read()
        parsed = json_document.parse(data)
        problem = parsed.problem or json_document.check_document(
            parsed.document, check.json_, facts
        )
        file = io.BytesIO(data)
    if problem is None:
        problem = _stream_problem(file, check, facts)
    if problem is None:
        return None
    verb = problem.startswith(("is ", "has ", "holds ", "nests ", "cannot "))
    return f"{shown} {problem}" if verb else f"{shown}: {problem}"


def _size_problem(size: int, check: Check) -> str | None:
    if size == 0 and (check.min_size or check.json_ or check.csv or check.require is not None):
        return "is empty"
    if check.min_size is not None and size < check.min_size:
        return f"is {size} bytes, min_size is {format_bytes(check.min_size)}"
    return None


def _stream_problem(file: BinaryIO, check: Check, facts: ShardFacts | None) -> str | None:
    if check.csv is None:
        return watch_file(file, RuleWatch(check))
    if check.require is None and check.forbid is None:
        return _table_problem(file, check.csv, facts, None)
    watch = RuleWatch(check)
    return _table_problem(file, check.csv, facts, watch.feed) or watch.problem


def _table_problem(
    file: BinaryIO,
    rules: CsvCheck,
    facts: ShardFacts | None,
    seen: Callable[[bytes], None] | None,
) -> str | None:
    counted = plain_table(file, rules.delimiter) if seen is None else None
    try:
        if counted is None:
            table = Table(file, rules.delimiter, seen)
            counted = table.header, 0
            if not rules.header or tuple(table.header) == rules.header:
                counted = table.header, sum(1 for _ in table)
    except TableError as error:
        return str(error)
    header, rows = counted
    if rules.header and tuple(header) != rules.header:
        return f"the header is {', '.join(header)}, not {', '.join(rules.header)}"
    if rules.rows is not None:
        wanted = json_document.amount(rules.rows, facts)
        if wanted is None:
            return f"cannot be checked: nobody knows {rules.rows} of this file"
        if rows != wanted:
            return f"has {rows} rows, planned {wanted}"
    if rows < rules.min_rows:
        return f"has {rows} rows, at least {rules.min_rows} are asked for"
    return None
