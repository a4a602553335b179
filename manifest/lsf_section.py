"""The ``lsf:`` section of a spec, and what differs from site to site in how LSF is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from manifest.bsub_options import directive, directive_text
from manifest.checks import Frozen
from manifest.lsf_requirements import host_name, parse_requirement


def _spaced(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _several(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _requirement(value: str) -> str:
    parse_requirement(directive_text(value))
    return value


def _more_gpu(value: str) -> str:
    if "num=" in value.replace(" ", ""):
        message = "say resources.gpus instead of num="
        raise ValueError(message)
    return directive_text(value)


DirectiveText = Annotated[str, AfterValidator(directive_text)]
"""Text that a ``#BSUB`` line can hold."""
Unit = Literal["KB", "MB", "GB", "TB", "suffix"]


class LsfHabits(Frozen):
    """How a site has set up LSF, as far as it shapes what is asked; None: not said.

    The site profile says it once, a spec may say otherwise.
    """

    max_array_size: int | None = Field(default=None, gt=0)
    """MAX_JOB_ARRAY_SIZE of lsb.params(5): the largest index, which counts from 1."""
    memory_unit: Unit | None = None
    """What a bare number of -M and rusage means (LSF_UNIT_FOR_LIMITS of lsf.conf(5)); ``suffix``:
    say it with each number. None: KB for -M, MB for rusage, as LSF has it when nothing is set."""
    rusage_per: Literal["host", "slot", "job"] | None = None
    """What a reservation of memory is counted by: RESOURCE_RESERVE_PER_TASK makes it the slot;
    ``job`` writes so into the request (10.1 fix pack 9). None: host, as LSF has it."""
    memory_limit: bool | None = None
    """Whether -M is written beside the reservation; None: yes."""

    def over(self, other: LsfHabits) -> LsfHabits:
        """Return these habits with what they leave out taken from ``other``."""
        names = LsfHabits.model_fields
        mine = {name: getattr(self, name) for name in names}
        return LsfHabits.model_construct(
            **{name: getattr(other, name) if mine[name] is None else mine[name] for name in names}
        )


class Lsf(LsfHabits):
    """How LSF is asked. What is left out is not written."""

    queue: Annotated[DirectiveText, BeforeValidator(_spaced)] | None = None
    project: DirectiveText | None = None
    user_group: DirectiveText | None = None
    application: DirectiveText | None = None
    job_group: DirectiveText | None = None
    select: Annotated[str, AfterValidator(_requirement)] | None = None
    """Resource requirements: a select expression, or sections such as order[...]."""
    exclude: Annotated[
        tuple[Annotated[str, AfterValidator(host_name)], ...], BeforeValidator(_several)
    ] = ()
    gpu: Annotated[str, AfterValidator(_more_gpu)] | None = None
    """What -gpu says beside the number: ``mode=exclusive_process``."""
    output: Literal["append", "overwrite"] = "append"
    """Whether a job that runs again appends what LSF itself writes (-o), or begins anew (-oo)."""
    notify: Literal["begin", "end", "both"] | None = None
    mail_user: DirectiveText | None = None
    rerun: bool | None = None
    """Whether LSF may start a job again by itself after a lost host; None: as the queue has it."""
    directives: dict[str, str] = Field(default_factory=dict)
    """Any other option of bsub by its name without the dash; flags are true or false."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problems = {}
        for name, value in self.directives.items():
            try:
                directive(name, value)
            except ValueError as error:
                problems[name] = str(error)
        if problems:  # each in its own place, so that the complaint names its key and line
            raise ValidationError.from_exception_data(
                "Lsf",
                [
                    InitErrorDetails(
                        type=PydanticCustomError("directive", "{problem}", {"problem": problem}),
                        loc=("directives", name),
                        input=self.directives[name],
                    )
                    for name, problem in problems.items()
                ],
            )
        return self

    def options(self) -> list[tuple[str, str | None]]:
        """Return the site's and the user's options in a fixed order, as (name, value)."""
        named = {
            "q": self.queue,
            "P": self.project,
            "G": self.user_group,
            "app": self.application,
            "g": self.job_group,
            "u": self.mail_user,
        }
        found: list[tuple[str, str | None]] = [
            (name, value) for name, value in named.items() if value is not None
        ]
        if self.notify is not None:
            flags = {"begin": "B", "end": "N", "both": "B N"}[self.notify]
            found += [(flag, None) for flag in flags.split()]
        if self.rerun is not None:
            found.append(("r" if self.rerun else "rn", None))
        more = (directive(name, value) for name, value in self.directives.items())
        return found + [option for option in more if option is not None]
