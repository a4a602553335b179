"""``farmhand schema``: the JSON Schema of the spec."""

from __future__ import annotations

from typing import Any

from farmhand.talk import give_json
from manifest.spec import Spec

# To an editor 0.10 is a number and true is a truth; in a spec both are the text as it stands.
_SCALARS = {"string": ["string", "number", "boolean", "null"], "integer": ["integer", "string"]}
_SHORT_FORMS: dict[str, dict[str, Any]] = {
    "Input": {"type": "string"},
    "Output": {"type": "string"},
    "Seed": {"type": ["integer", "string"]},
    "JsonCheck": {"const": True},
    "CsvCheck": {"const": True},
}


def verb() -> None:
    """Print the JSON Schema of the spec, for editors that complete and check YAML."""
    give_json(_as_written(Spec.model_json_schema()))


def _as_written(schema: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return the schema of what people write, from that of what is made of it."""
    if isinstance(schema, list):
        return [_as_written(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    short = _SHORT_FORMS.get(str(schema.get("$ref", "")).rpartition("/")[2])
    if short:
        return {"anyOf": [schema, short]}
    written = {key: _as_written(value) for key, value in schema.items()}
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _SCALARS and not schema.keys() & {"enum", "const"}:
        written["type"] = _SCALARS[kind]
    return written
