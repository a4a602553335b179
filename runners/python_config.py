"""Running somebody's configuration in Python in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

_GRACE_S = 1.0  # for what the configuration itself has started


@dataclass(frozen=True, slots=True)
class ConfigAnswer:
    """What the process wrote (empty: nothing), and how it ended: -n by signal n."""

    text: bytes
    code: int


def run_config(
    script: str, config: str, patience_s: float, impatient: Callable[[], None]
) -> ConfigAnswer:
    """Run a configuration to its end, however long it takes; ^C ends it.

    It stays in this process group, so that whatever ends farmhand's ends it as well. What it prints
    goes to standard error, straight from there: nothing is kept, however much it is. The answer
    comes in a file without a name, since a pipe would stay open in whatever it leaves running.

    Args:
        script: what runs it, given the answer's descriptor and ``config``.
        config: the user's file.
        patience_s: after so many seconds ``impatient`` is called, once.
        impatient: says that it is still running.
    """
    with tempfile.TemporaryFile() as answer:
        # -P: no directory of the script's or of the user's before the standard library.
        process = subprocess.Popen(
            [sys.executable, "-P", script, str(answer.fileno()), config],
            stdin=subprocess.DEVNULL,
            stdout=2,
            stderr=2,
            pass_fds=[answer.fileno()],
        )
        try:
            try:
                code = process.wait(patience_s)
            except subprocess.TimeoutExpired:
                impatient()
                code = process.wait()
        finally:
            _end(process)
        answer.seek(0)
        return ConfigAnswer(answer.read(), code)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs after ^C: first the way that lets Python end its own children."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_GRACE_S)
    if process.poll() is None:
        process.kill()
        process.wait()
