"""The spec: what a user writes in farmhand.yaml, as frozen models."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from manifest.checks import Check, Frozen, MergeSpec, TextRule
from manifest.htcondor_section import Htcondor
from manifest.lsf_section import Lsf
from manifest.names import SafeName
from manifest.resources import Resources
from manifest.slurm_section import Slurm
from manifest.software import Bundle, Provenance
from manifest.ssh_section import Ssh
from manifest.staging import Staging
from manifest.timing import Phase
from manifest.units import Bytes, Seconds
from manifest.work import FileWork, Work

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Read-only in bash (an assignment would end the job) or the payload's own.
_RESERVED_ENV = {"UID", "EUID", "PPID", "BASHOPTS", "SHELLOPTS", "BASH_VERSINFO"}
MAX_WORD_BYTES = 131_071  # MAX_ARG_STRLEN of Linux is 131,072 with the closing NUL: execve(2)


def _path_short_form(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return {"path": value} if isinstance(value, str) else value


def _threads(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    if isinstance(value, str) and value != "cpus":
        if not value.isdecimal() or int(value) == 0:
            message = f"'{value}' is neither a number of threads nor cpus"
            raise ValueError(message)
        return int(value)
    return value


class Input(Frozen):
    """A file or directory that the command reads, relative to the spec."""

    path: str = Field(min_length=1)
    references: tuple[str, ...] = ()
    """JSONPath expressions: texts in this JSON or YAML file that name further inputs,
    relative to the file itself."""


class Output(Frozen):
    """A file that the command writes into its attempt directory."""

    path: str = Field(min_length=1)
    check: Check | None = None
    publish: SafeName | None = None
    """Also show the accepted file as RUN/outputs/<publish>/<shard name>."""
    destination: str | None = Field(default=None, min_length=1)
    """Where the file is kept: a URL or an absolute path, with the shard in it."""
    companions: tuple[str, ...] = ()
    """Files that the command itself puts beside it there and that belong to it, by their names."""
    item: str | None = Field(default=None, min_length=1)
    """Column of this table that says which item a row belongs to: then items that stand in a
    ledger are not done again."""


class Logs(Frozen):
    """Rules for what a shard prints."""

    stdout: TextRule | None = None
    stderr: TextRule | None = None


class Component(FileWork):
    """A named part of a run with its own work, resources and parameters."""

    work: Work | None = None
    """``files:`` and how they are split may stand in the component itself."""
    shards: int | None = Field(default=None, gt=0)
    resources: Resources | None = None
    params: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_work(self) -> Self:
        if (self.work is None) == (not self.listed):
            message = "say what this component is made of: exactly one of files:, events: and work:"
            raise ValueError(message)
        if self.shards is not None and self.does.is_cut:
            message = "shards: says how many chunks there are, and so does another key here"
            raise ValueError(message)
        return self

    @property
    def does(self) -> Work:
        """What is to be done."""
        if self.work is not None:
            return self.work
        return Work.model_construct(**{name: getattr(self, name) for name in FileWork.model_fields})


RetryAction = Literal["again", "never", "more_memory", "more_walltime", "more_disk"]


class Retry(Frozen):
    """What resubmit does about a failure, where the defaults do not suit."""

    exit_codes: dict[int, RetryAction] = Field(default_factory=dict)
    max_memory: Bytes | None = None
    max_walltime: Seconds | None = None
    max_disk: Bytes | None = None


class Spec(Frozen):
    """One run. Paths are relative to the directory of the spec file."""

    name: SafeName
    work: Work | None = None
    components: dict[SafeName, Component] = Field(default_factory=dict)
    shards: int = Field(default=1, gt=0)
    shard_name: str | None = None
    command: tuple[str, ...] = ()
    script: str | None = None
    arguments: tuple[str, ...] = ()
    inputs: dict[SafeName, Annotated[Input, BeforeValidator(_path_short_form)]] = Field(
        default_factory=dict
    )
    outputs: dict[SafeName, Annotated[Output, BeforeValidator(_path_short_form)]] = Field(
        default_factory=dict
    )
    env: dict[str, str] = Field(default_factory=dict)
    prologue: str | None = None
    workdir: str | None = None
    threads: Annotated[Annotated[int, Field(gt=0)] | Literal["cpus"], BeforeValidator(_threads)] = 1
    resources: Resources = Resources()
    max_running: int | None = Field(default=None, gt=0)
    """At most so many jobs at a time, where the scheduler can hold to it."""
    shards_per_job: int = Field(default=1, gt=0)
    """Pack so many shards into one job; they run one after the other."""
    slurm: Slurm = Slurm()
    htcondor: Htcondor = Htcondor()
    lsf: Lsf = Lsf()
    ssh: Ssh = Ssh()
    staging: Staging = Staging()
    bundle: Bundle | None = None
    provenance: Provenance = Provenance()
    logs: Logs = Logs()
    timing: dict[SafeName, Phase] = Field(default_factory=dict)
    """Parts of a job by name, for ``report timing``; named here, they replace the usual ones."""
    retry: Retry = Retry()
    merge: MergeSpec | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.work is None) == (not self.components):
            message = "say what is to be done: exactly one of work: and components:"
            raise ValueError(message)
        if bool(self.command) == (self.script is not None):
            message = "say what to run: exactly one of command: (an argument list) and script:"
            raise ValueError(message)
        if self.arguments and self.script is None:
            message = "arguments: go with script:; with command: they are part of the list"
            raise ValueError(message)
        if self.script is not None and not self.script.strip():
            message = "script: is empty"
            raise ValueError(message)
        if self.command and not self.command[0]:
            message = "the first word of command: is empty"
            raise ValueError(message)
        for name in self.env:
            _check_env_name(name)
        self._check_merge()
        self._check_stored()
        self._check_items()
        return self

    def _check_stored(self) -> None:
        for name, output in self.outputs.items():
            if output.companions and not output.destination:
                raise ValueError(
                    f"outputs.{name}.companions: they lie beside the destination of this output, "
                    "and it has none"
                )
            if output.destination and not self.staging.keep:
                self._check_not_needed_here(name, output)

    def _check_not_needed_here(self, name: str, output: Output) -> None:
        kept = "and the local copy goes when the file is at its destination: say"
        fix = "staging: {keep: true}"
        asked = output.check.model_fields_set - {"min_size"} if output.check else set()
        if asked:
            what = ", ".join(sorted(field.rstrip("_") for field in asked))
            raise ValueError(f"outputs.{name}.check: {what} is looked at by collect, {kept} {fix}")
        if output.publish:
            raise ValueError(f"outputs.{name}.publish: links to the local copy, {kept} {fix}")

    @property
    def item_columns(self) -> dict[str, str]:
        """Return the outputs whose rows say which item they belong to, and in which column."""
        return {name: output.item for name, output in self.outputs.items() if output.item}

    def delimiter_of(self, output: str) -> str:
        """Return what separates the columns of an output with ``item``."""
        check = self.outputs[output].check
        if check and check.csv:
            return check.csv.delimiter
        return self.merge.delimiter if self.merge else ","

    def _check_items(self) -> None:
        columns = self.item_columns
        if columns and not all(part.does.items for _, part in self.parts()):
            raise ValueError(f"outputs.{next(iter(columns))}.item: is for work of items:")
        for name in columns:
            output = self.outputs[name]
            if output.publish or output.destination:
                what = "publish" if output.publish else "destination"
                raise ValueError(
                    f"outputs.{name}.{what}: one file a shard, and with item: a shard's rows may "
                    "come from several attempts; only the merged result has them all"
                )
            if output.check and output.check.csv and output.check.csv.counts_rows:
                raise ValueError(
                    f"outputs.{name}.check.csv: a resumed attempt has fewer rows; count those of "
                    "the result, under merge.check"
                )
        merge = self.merge
        merged = merge and (merge.output or next(iter(self.outputs)))
        if columns and merge and (merge.by or merged not in columns):
            what = "by: component" if merge.by else f"output: {merge.output}"
            raise ValueError(f"merge.{what}: the rows to merge are those of an output with item:")

    def _check_merge(self) -> None:
        if self.merge is None:
            return
        chosen = self.merge.output
        if not self.outputs:
            message = "merge.output: there is none, for outputs: declares nothing"
            raise ValueError(message)
        if self.merge.by == "component" and not self.components:
            message = "merge.by: there are no components:"
            raise ValueError(message)
        if self.merge.rules:
            return
        if chosen is None and len(self.outputs) != 1:
            message = f"merge.output: name one of the {len(self.outputs)} declared outputs"
            raise ValueError(message)
        if chosen is not None and chosen not in self.outputs:
            message = f"merge.output: '{chosen}' is not declared under outputs:"
            raise ValueError(message)

    def parts(self) -> list[tuple[str | None, Component]]:
        """Return the components in order; a top-level ``work:`` is one without a name."""
        if self.work is not None:
            return [(None, Component(work=self.work))]
        return list(self.components.items())


def _check_env_name(name: str) -> None:
    if not _ENV_NAME.fullmatch(name):
        message = f"env: {name!r} is not a variable name"
        raise ValueError(message)
    if name in _RESERVED_ENV or name.startswith(("FARMHAND_", "fh_")):
        message = f"env: {name} is read-only or farmhand's own"
        raise ValueError(message)
