"""The options of sbatch(1), by their long names: what may stand under ``slurm.directives``."""

from __future__ import annotations

from manifest.nearest import nearest


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What sbatch(1) of 22.05 takes, and what releases up to 26.05 added. A flag stands alone, the
# others take a value; of those in _EITHER the value may be left out.
_VALUED = _names("""
account acctg-freq array batch bb bbf begin chdir cluster-constraint clusters comment constraint
container container-id container-type context core-spec cores-per-socket cpu-freq cpus-per-gpu
cpus-per-task deadline delay-boot dependency distribution error exclude export export-file extra
extra-node-info gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket gpus-per-task gres
gres-flags hint input job-name kill-on-invalid-dep licenses mail-type mail-user mcs-label mem
mem-bind mem-per-cpu mem-per-gpu mem-update mincpus network nodefile nodelist nodes ntasks
ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket open-mode output partition power
prefer priority profile qos reservation resources segment signal sockets-per-node switches
thread-spec threads-per-core time time-min tmp tres-bind tres-per-task uid wait-all-nodes wckey wrap
""")
_FLAGS = _names("""
consolidate-segments contiguous help hold ignore-pbs no-requeue overcommit oversubscribe parsable
quiet reboot requeue spread-job spread-segments stepmgr test-only usage use-min-nodes verbose
version wait
""")
_EITHER = _names("exclusive get-user-env nice no-kill oom-kill-step propagate resv-ports")
OPTIONS = _VALUED | _FLAGS | _EITHER

_OURS = {
    "array": "farmhand numbers the array itself; max_running: throttles it, shards_per_job: packs",
    "chdir": "jobs start in the run directory; workdir: says where the command runs",
    "cpus-per-task": "say resources.cpus",
    "error": "each attempt's output is kept in its own directory",
    "exclude": "say slurm.exclude, to which resubmit adds the nodes where work fails",
    "gpus": "say resources.gpus",
    "job-name": "jobs are found again by the name that farmhand gives them",
    "mem": "say resources.memory, so that resubmit can raise it",
    "no-requeue": "say slurm.requeue: false",
    "open-mode": "each attempt's output is kept in its own directory",
    "output": "each attempt's output is kept in its own directory",
    "requeue": "say slurm.requeue",
    "signal": "say resources.grace",
    "time": "say resources.walltime, so that resubmit can raise it",
    "wrap": "say command: or script:",
    **dict.fromkeys(
        ("help", "parsable", "quiet", "test-only", "usage", "verbose", "version", "wait"),
        "type it behind sbatch",
    ),
}
_SAID_ELSEWHERE = ("cpus", "memory", "walltime", "grace")
_LONGEST = 4000  # bytes; older releases read an option into a buffer of 8,192


def directive(name: str, value: str) -> str | None:
    """Return an option as sbatch takes it (``qos=long``, ``hold``), or None for one set to false.

    Raises:
        ValueError: no such option, one that farmhand writes itself, or a value that cannot be.
    """
    if name not in OPTIONS:
        message = f"'{name}' is no option of sbatch{_meant(name)}"
        raise ValueError(message)
    if name in _OURS:
        message = f"'{name}' is not for here: {_OURS[name]}"
        raise ValueError(message)
    switch = {"true": True, "yes": True, "false": False, "no": False}.get(value.lower())
    if name in _FLAGS or (name in _EITHER and switch is not None):
        if switch is None:
            message = f"'{name}' takes no value: write true or false"
            raise ValueError(message)
        return name if switch else None
    return f"{name}={directive_text(value)}"


def _meant(name: str) -> str:
    if name in _SAID_ELSEWHERE:
        return f"; say resources.{name}"
    guess = nearest(name, OPTIONS)
    if guess in _OURS:
        return f"; '{guess}' is not for here: {_OURS[guess]}"
    return f"; did you mean '{guess}'?" if guess else ""


def directive_text(value: str) -> str:
    """Return ``value`` when it may become part of a directive.

    Raises:
        ValueError: it is empty, too long, or a directive line could not hold it.
    """
    if not value:
        message = "an option of sbatch needs a value; leave the key out instead"
        raise ValueError(message)
    if not value.isprintable():
        message = f"{value!r}: a directive is one line of printable text"
        raise ValueError(message)
    if len(value.encode("utf-8", "surrogateescape")) > _LONGEST:
        message = f"{len(value)} characters are too many for a directive of sbatch"
        raise ValueError(message)
    return value
