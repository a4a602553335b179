"""Quoting for HTCondor submit files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from manifest.errors import UserError
from manifest.units import MIB

_MACRO = re.compile(r"\$(?=[A-Za-z_]*\()")
_CANNOT = ("=", "|", "\\", "$$(", "$(dollar)")


def condor_path(path: str) -> str:
    r"""Return a path as the value of a submit command, where ``$(`` and ``$ENV(`` begin macros.

    >>> condor_path("/data/$(x)/$ENV(HOME)/$y")
    '/data/$(DOLLAR)(x)/$(DOLLAR)ENV(HOME)/$y'

    Raises:
        UserError: no submit file can hold it.
    """
    # condor_submit takes an argument that has a = for an assignment, an item list whose path has
    # a | for a command, and drops backslashes from an initialdir (seen with 23.9).
    odd = [what for what in _CANNOT if what in path.lower()]
    if odd or not path.isprintable() or path != path.strip():
        raise UserError(
            f"HTCondor cannot be told of a run in {path!r}",
            hint=f"choose an --out-dir without {' '.join(_CANNOT)} and control characters",
        )
    return _MACRO.sub("$(DOLLAR)", path)


def condor_size(amount: int) -> str:
    """Return bytes as whole MB, rounded up; HTCondor's MB has 1024 KB (condor_submit(1))."""
    return f"{-(-amount // MIB)} MB"


def condor_environment(variables: Mapping[str, str]) -> str:
    r"""Return the value of the command environment, in the new syntax of condor_submit(1).

    >>> condor_environment({"A": "it's", "B": 'say "$(x)"'})
    '"A=\'it\'\'s\' B=\'say ""$(DOLLAR)(x)""\'"'
    """
    words = []
    for name, value in variables.items():
        quoted = value.replace("'", "''").replace('"', '""')
        words.append(f"{name}='{_MACRO.sub('$(DOLLAR)', quoted)}'")
    return f'"{" ".join(words)}"'
