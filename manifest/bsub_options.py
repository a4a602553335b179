"""The options of bsub(1): what may stand under ``lsf.directives``, named without the dash."""

from __future__ import annotations

from manifest.nearest import nearest


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What bsub(1) of LSF 7 to 10.1 takes. A flag stands alone, the others take a value. Case counts:
# -W is a run limit and -w a dependency.
_VALUED = _names("""
a alloc_flags app b C c clusters cn_cu cn_mem core_isolation csm cwd D data datagrp E e env eo Ep
eptl ext extsched F f freq G g gpu hostfile i is J Jd jobaff jsdl jsdl_strict jsm k L ln_mem
ln_slots Lp M m mig n network nnodes notify o oo outdir P p pack ptl Q q R rnc S s sla smt sp stage
step_cgroup T t U u v W w wa We wt
""")
_FLAGS = _names("ar B datachk H h hl I Ip IS Is ISp ISs IX K N Nd Ne r rn tty ul V x XF Zs")
OPTIONS = _VALUED | _FLAGS

_AT_ONCE = "a shard runs unattended, and its script is read from standard input"
_BEHIND = "type it behind bsub"
_KEPT = "each attempt's output is kept in its own directory, what LSF itself writes under logs/"
_OURS = {
    "app": "say lsf.application",
    "B": "say lsf.notify: begin",
    "e": _KEPT,
    "eo": _KEPT,
    "g": "say lsf.job_group",
    "G": "say lsf.user_group",
    "gpu": "say resources.gpus, and the rest of it as lsf.gpu",
    "i": "a command's standard input is /dev/null",
    "is": "a command's standard input is /dev/null",
    "J": "jobs are found again by the name that farmhand gives them",
    "M": "say resources.memory, so that resubmit can raise it",
    "N": "say lsf.notify: end",
    "n": "say resources.cpus",
    "Nd": "say lsf.notify: end",
    "Ne": "say lsf.notify: end",
    "o": "say lsf.output: append or overwrite; where to is farmhand's business",
    "oo": "say lsf.output: append or overwrite; where to is farmhand's business",
    "outdir": _KEPT,
    "P": "say lsf.project",
    "q": "say lsf.queue",
    "R": "say lsf.select, which becomes part of the one -R that farmhand writes",
    "r": "say lsf.rerun: true",
    "rn": "say lsf.rerun: false",
    "u": "say lsf.mail_user",
    "W": "say resources.walltime, so that resubmit can raise it",
    "wa": "say resources.grace",
    "wt": "say resources.grace",
    **dict.fromkeys(_names("I Ip Is IS ISp ISs IX tty XF jsdl jsdl_strict pack Zs"), _AT_ONCE),
    **dict.fromkeys(_names("h K V"), _BEHIND),
}
_SAID_ELSEWHERE = {
    "cpus": "resources.cpus",
    "memory": "resources.memory",
    "walltime": "resources.walltime",
    "grace": "resources.grace",
}
_LONGEST = 4000  # bytes; command lines and paths may have 4,094: bsub(1)


def directive(name: str, value: str) -> tuple[str, str | None] | None:
    """Return an option as (name, value), a flag's value being None; a flag set to false: None.

    Raises:
        ValueError: no such option, one that farmhand writes itself, or a value that cannot be.
    """
    name = name.removeprefix("-")
    if name not in OPTIONS:
        message = f"'{name}' is no option of bsub{_meant(name)}"
        raise ValueError(message)
    if name in _OURS:
        message = f"'{name}' is not for here: {_OURS[name]}"
        raise ValueError(message)
    if name not in _FLAGS:
        return name, directive_text(value)
    switch = {"true": True, "yes": True, "false": False, "no": False}.get(value.lower())
    if switch is None:
        message = f"'{name}' takes no value: write true or false"
        raise ValueError(message)
    return (name, None) if switch else None


def _meant(name: str) -> str:
    if name in _SAID_ELSEWHERE:
        return f"; say {_SAID_ELSEWHERE[name]}"
    guess = nearest(name, [option for option in OPTIONS if len(option) > 1])
    if guess in _OURS:
        return f"; '{guess}' is not for here: {_OURS[guess]}"
    return f"; did you mean '{guess}'?" if guess else ""


def directive_text(value: str) -> str:
    """Return ``value`` when it may become part of a ``#BSUB`` line.

    Raises:
        ValueError: it is empty, too long, or a line could not hold it.
    """
    problem = text_problem(value)
    if problem:
        raise ValueError(problem)
    return value


def text_problem(value: str) -> str | None:
    """Return why a ``#BSUB`` line cannot hold a text, or None.

    LSF's manual does not say how such a line is read. Its kin split it into words that may stand
    between quotes of one kind; no character takes the meaning from another one.
    """
    if not value:
        return "an option of bsub needs a value; leave the key out instead"
    if not value.isprintable():
        return f"{value!r}: a directive is one line of printable text"
    if len(value.encode("utf-8", "surrogateescape")) > _LONGEST:
        return f"{len(value)} characters are too many for a directive of bsub"
    if '"' in value and "'" in value:
        return f"{value}: LSF knows no way to write both kinds of quotes in one directive"
    if "\\" in value:
        return f"{value}: a backslash does not reach LSF as it stands"
    if value.startswith("#") or "#BSUB" in value:
        return f"{value}: LSF would take it for a comment or for another directive"
    return None
