"""What the process of a configuration in Python runs: the file, and then the answer.

Started by its path, as ``python -P python_process.py ANSWER FILE``: ANSWER is an open descriptor,
and gets one JSON document: a spec (``data``), or what is wrong with it (``what``). Only the
standard library is imported; see :mod:`farmhand.python_spec`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import signal
import sys
import sysconfig
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_NAME = "farmhand_config"  # so that ``if __name__ == "__main__":`` blocks do not run
_HOME = os.path.dirname(os.path.abspath(__file__))
_LONGEST = 2000  # characters of a message
_FRAMES = 5  # shown at either end of a traceback
_INTERRUPTED = 130


def main() -> None:
    """Run the file and answer."""
    answer, path, me = int(sys.argv[1]), sys.argv[2], os.getpid()
    os.set_inheritable(answer, False)
    _lend_farmhand()
    # As Python does for a script: its own directory first, through links.
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    sys.argv = [path]
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        found = _run(path)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(_INTERRUPTED)
    if os.getpid() != me:  # a fork that came to the end of the file, too
        sys.exit(0)
    try:
        with open(answer, "w", encoding="utf-8") as stream:
            json.dump(found, stream)
    except OSError as error:  # a full disk, or a configuration that closes what it did not open
        sys.exit(f"farmhand: the spec cannot be handed over: {error.strerror}")


def _lend_farmhand() -> None:
    """Import the farmhand that this file belongs to, and leave sys.path as the user has it."""
    path = list(sys.path)
    init = os.path.join(_HOME, "__init__.py")
    spec = importlib.util.spec_from_file_location(
        "farmhand", init, submodule_search_locations=[_HOME]
    )
    if spec is None or spec.loader is None:
        raise ImportError(init)
    sys.modules["farmhand"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    importlib.import_module("farmhand.python_values")
    sys.path[:] = path


def _run(path: str) -> dict[str, Any]:
    try:
        names = runpy.run_path(path, run_name=RUN_NAME)
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        return _left(error)
    except BaseException as error:  # noqa: BLE001 (whatever it is, it is the user's)
        return _stopped(error)
    return _answer(names)


def _answer(names: dict[str, Any]) -> dict[str, Any]:
    from farmhand.python_spec import Spec, made_at  # noqa: PLC0415 (lent above)
    from farmhand.python_values import NotPlainError, plain_spec  # noqa: PLC0415 (as above)

    specs = {key: value for key, value in names.items() if isinstance(value, Spec)}
    different = {id(value) for value in specs.values()}
    if "spec" not in specs and len(different) != 1:
        return _no_choice(names, sorted(specs))
    spec = specs.get("spec") or next(iter(specs.values()))
    try:
        data, made = plain_spec(spec)
    except NotPlainError as error:
        where = list(_place_of(spec, error.place))
        key = ".".join(error.place)
        return {"what": error.what, "where": where, "key": key, "hint": error.hint}
    return {"data": data, "where": list(made_at(spec)), "made": made}


def _place_of(spec: Any, place: tuple[str, ...]) -> tuple[str, int]:  # noqa: ANN401 (a Spec)
    """Return the line that made what a place in the spec belongs to."""
    from farmhand.python_spec import Component, made_at  # noqa: PLC0415 (as above)

    one: Any = spec
    if place[:1] == ("components",) and len(place) > 1:
        found = spec.components
        listed = list(found.values()) if isinstance(found, dict) else list(found)
        named = [c for c in listed if isinstance(c, Component) and str(c.name) == place[1]]
        one = named[-1] if named else spec
    return made_at(one)


def _no_choice(names: dict[str, Any], specs: list[str]) -> dict[str, Any]:
    if specs:
        return {"what": f"several specs: {', '.join(specs)}", "hint": "name the one meant `spec`"}
    what = "no spec is defined"
    if "spec" in names:
        what = f"`spec` is a value of type {type(names['spec']).__qualname__}, not a Spec"
    hint = (
        "write: spec = Spec(…), outside of functions and of `if __name__ ==` blocks, "
        "with: from farmhand import Component, Spec"
    )
    return {"what": what, "hint": hint}


def _left(error: SystemExit) -> dict[str, Any]:
    said = "" if error.code is None else str(error.code)
    what = f"it left with sys.exit({_cut(said)}) before its end"
    hint = "farmhand reads the spec when the file has come to its end"
    return {"what": what, "where": _last_place(error), "hint": hint}


def _stopped(error: BaseException) -> dict[str, Any]:
    report = traceback.TracebackException.from_exception(error, lookup_lines=False)
    said = [line.rstrip("\n") for line in report.format_exception_only()]
    if isinstance(error, SyntaxError):
        what, more = said[-1], said[:-1]
        where: list[Any] | None = [error.filename, error.lineno] if error.filename else None
    else:
        head, *rest = _cut("\n".join(said)).split("\n")
        what, more = head, rest
        where = _last_place(error)
    lines = [*_frames(error), *more, *_causes(error)]
    return {"what": what, "where": where, "more": lines, "hint": _way_out(error)}


def _way_out(error: BaseException) -> str | None:
    if not isinstance(error, ModuleNotFoundError):
        return None
    return (
        f"the file runs in farmhand's Python, {sys.executable}: install it there, or let your own "
        "Python print the spec as JSON: python FILE | farmhand render -"
    )


def _causes(error: BaseException) -> Iterator[str]:
    seen = {id(error)}
    while True:
        context = None if error.__suppress_context__ else error.__context__
        cause = error.__cause__ or context
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        yield _cut(f"  because of {type(cause).__name__}: {cause}")
        error = cause


def _user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames that are neither farmhand's nor of an installed library."""
    paths = sysconfig.get_paths()
    libraries = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots = tuple(os.path.join(path, "") for path in (_HOME, *libraries))
    own = os.path.dirname(sys.argv[0])
    frames = traceback.extract_tb(error.__traceback__)
    return [
        frame
        for frame in frames
        if not frame.filename.startswith("<")
        and (not frame.filename.startswith(roots) or os.path.dirname(frame.filename) == own)
    ]


def _frames(error: BaseException) -> list[str]:
    frames = _user_frames(error)
    lines = []
    for number, frame in enumerate(frames):
        if _FRAMES <= number < len(frames) - _FRAMES:
            if number == _FRAMES:
                lines.append(f"  … {len(frames) - 2 * _FRAMES} more …")
            continue
        lines.append(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}')
        if frame.line:
            lines.append(f"    {frame.line}")
    return lines


def _last_place(error: BaseException) -> list[Any] | None:
    frames = _user_frames(error)
    return [frames[-1].filename, frames[-1].lineno] if frames else None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


if __name__ == "__main__":
    main()
