"""The project's own templates, as opposed to the texts of a spec."""

from __future__ import annotations

from functools import cache
from importlib import resources

import jinja2


@cache
def template(name: str) -> jinja2.Template:
    """Return a template of the ``templates`` room; a name that is not defined is an error."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (shell scripts; every value comes quoted)
    )
    text = resources.files("templates").joinpath(name).read_text(encoding="utf-8")
    return environment.from_string(text)
