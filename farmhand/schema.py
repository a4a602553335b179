"""``farmhand schema``: the JSON Schema of the spec."""

from __future__ import annotations

from farmhand.talk import give_json
from manifest.spec import Spec


def verb() -> None:
    """Print the JSON Schema of the spec, for editors that complete and check YAML."""
    give_json(Spec.model_json_schema())
