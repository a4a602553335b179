"""The ``slurm:`` section of a spec."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from manifest.checks import Frozen
from manifest.sbatch_options import directive, directive_text


def _joined(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


DirectiveText = Annotated[str, AfterValidator(directive_text)]
"""Text that a directive line can hold."""

DirectiveList = Annotated[str, BeforeValidator(_joined), AfterValidator(directive_text)]
"""The same; a list is joined by commas."""


class Slurm(Frozen):
    """How SLURM is asked. What is left out is not written."""

    partition: DirectiveList | None = None
    account: DirectiveText | None = None
    qos: DirectiveText | None = None
    constraint: DirectiveText | None = None
    clusters: DirectiveList | None = None
    licenses: DirectiveList | None = None
    reservation: DirectiveList | None = None
    exclude: DirectiveList | None = None
    mail_type: DirectiveList | None = None
    mail_user: DirectiveText | None = None
    requeue: bool = True
    """Whether SLURM may start an element again by itself (lost node, preemption)."""
    max_array_size: int | None = Field(default=None, gt=0, le=4_000_001)
    """MaxArraySize of slurm.conf(5); asked of the site when left out."""
    directives: dict[str, str] = Field(default_factory=dict)
    """Any other option of sbatch by its long name; flags are true or false."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problems = {
            name: problem
            for name, value in self.directives.items()
            if (problem := self._problem(name, value))
        }
        if problems:  # each in its own place, so that the complaint names its key and line
            raise ValidationError.from_exception_data(
                "Slurm",
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

    def _problem(self, name: str, value: str) -> str | None:
        try:
            directive(name, value)
        except ValueError as error:
            return str(error)
        key = name.replace("-", "_")
        if getattr(self, key, None) is not None:
            return f"given twice, here and as slurm.{key}"
        return None

    def options(self) -> list[str]:
        """Return the options in a fixed order, as sbatch takes them, without dashes."""
        named = "partition account qos constraint clusters licenses reservation mail_type mail_user"
        found = [
            f"{name.replace('_', '-')}={value}"
            for name in named.split()
            if (value := getattr(self, name)) is not None
        ]
        more = (directive(name, value) for name, value in self.directives.items())
        return found + [option for option in more if option is not None]
