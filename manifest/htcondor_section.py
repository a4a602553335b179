"""The ``htcondor:`` section of a spec, in HTCondor's own language: values are passed on as such."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from manifest.checks import Frozen
from manifest.condor_commands import (
    URLS,
    attribute_problem,
    command_problem,
    resource_problem,
    urls,
    value_problem,
    variable_problem,
)
from manifest.condor_expressions import expression_problem


def _one_line(value: str) -> str:
    problem = value_problem(value)
    if problem:
        raise ValueError(problem)
    return value


def _expression(value: str) -> str:
    problem = expression_problem(_one_line(value))
    if problem:
        raise ValueError(problem)
    return value


def _word(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        message = f"{value!r} is no name: letters, digits and _ . -"
        raise ValueError(message)
    return value


CommandText = Annotated[str, AfterValidator(_one_line)]
"""Text that can be the value of a submit command."""
Expression = Annotated[str, AfterValidator(_expression)]


class Htcondor(Frozen):
    """How HTCondor is asked. What is left out is not written."""

    requirements: Expression | None = None
    """A ClassAd expression that machines have to satisfy."""
    rank: Expression | None = None
    accounting_group: CommandText | None = None
    accounting_group_user: CommandText | None = None
    job_flavour: Annotated[str, AfterValidator(_word)] | None = None
    """A site's class of run times, such as longlunch: the attribute JobFlavour."""
    container_image: CommandText | None = None
    notification: Literal["Always", "Complete", "Error", "Never"] | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables that HTCondor sets: seen by containers and plugins too, and not by shard."""
    max_per_submission: int = Field(default=20_000, gt=0)
    """MAX_JOBS_PER_SUBMISSION of the pool; larger runs are materialized bit by bit."""
    custom_resources: dict[str, CommandText] = Field(default_factory=dict)
    """Resources of the pool's own: ``{squids: "1"}`` becomes ``request_squids = 1``."""
    attributes: dict[str, Expression] = Field(default_factory=dict)
    """Job attributes, values as ClassAd expressions (a text needs its double quotes)."""
    commands: dict[str, str] = Field(default_factory=dict)
    """Any other submit command by its own name."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problems = [
            *(
                f"environment: {p}"
                for n, v in self.environment.items()
                if (p := variable_problem(n, v))
            ),
            *(f"attributes: {p}" for n in self.attributes if (p := attribute_problem(n))),
            *(
                f"custom_resources: {p}"
                for n in self.custom_resources
                if (p := resource_problem(n))
            ),
            *(f"commands: {p}" for n, v in self.commands.items() if (p := command_problem(n, v))),
        ]
        if problems:
            raise ValueError(problems[0])
        return self

    def lines(self) -> list[tuple[str, str]]:
        """Return the submit commands of this section but requirements, in a fixed order."""
        named = ("rank", "accounting_group", "accounting_group_user", "container_image")
        found = [(name, value) for name in named if (value := getattr(self, name)) is not None]
        if self.notification is not None:
            found.append(("notification", self.notification))
        if self.job_flavour is not None:
            found.append(("My.JobFlavour", f'"{self.job_flavour}"'))
        found += [(f"request_{name}", value) for name, value in self.custom_resources.items()]
        found += [(f"My.{name}", value) for name, value in self.attributes.items()]
        return found + [(n, v) for n, v in self.commands.items() if n.lower() != URLS]

    def urls(self) -> list[str]:
        """Return what HTCondor's plugins fetch for each job, where files are transferred."""
        return [u for n, v in self.commands.items() if n.lower() == URLS for u in urls(v)]
