"""Pages of the answers in JSON, from their schemas."""

import json
from collections.abc import Iterator
from typing import Any

from tests.paths import ROOT
from tests.support.reference.markdown import begin, escape, join_blocks, write_table

FOLDER = ROOT / "docs/schemas"

SUPERSET = {"explain": "status"}
"""An answer that has all keys of another one: its page has only those that the other one lacks."""

Schema = dict[str, Any]


def read(name: str) -> Schema:
    """Read the schema of a command's answer."""
    schema: Schema = json.loads((FOLDER / f"{name}-v1.json").read_text())
    return schema


def list_names() -> list[str]:
    """List the answers that have a schema."""
    return sorted(path.name.removesuffix("-v1.json") for path in FOLDER.glob("*-v1.json"))


def write_type(schema: Schema) -> str:
    """Write what a value is, in a few words."""
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(write_type(part) for part in schema["anyOf"])
    if isinstance(schema["type"], list):
        return " or ".join(schema["type"])
    if "items" in schema:
        return f"list of {write_type(schema['items'])}"
    return "time" if schema.get("format") == "date-time" else str(schema["type"])


def list_keys(schema: Schema, path: str = "", *, is_optional: bool = False) -> Iterator[tuple[str, str, str]]:
    """Yield each key with its path, what it is, and its meaning; the keys of a value that may be null, too."""
    about = schema.get("description") or schema.get("items", {}).get("description", "")
    if path and not path.endswith("[]") and (about or not any(word in schema for word in ("properties", "anyOf"))):
        kind = write_type(schema)
        yield f"`{path}`", f"{kind}; may be missing" if is_optional else kind, escape(about)
    if "items" in schema:
        yield from list_keys(schema["items"], f"{path}[]")
    for part in (schema, *schema.get("anyOf", ())):
        for key, value in part.get("properties", {}).items():
            optional = "required" in part and key not in part["required"]
            yield from list_keys(value, f"{path}.{key}" if path else key, is_optional=optional)


def write_schema(name: str) -> str:
    """Write the page of a command's answer."""
    schema = read(name)
    title = schema["title"].removeprefix("galera-bootstrap ")
    about = f"The answer of `{schema['title']}`, by its [schema](../schemas/{name}-v1.json). {schema['description']}"
    parts = [about]
    if name in SUPERSET:
        others = read(SUPERSET[name])["properties"]
        keys = {key: value for key, value in schema["properties"].items() if key == "schema" or key not in others}
        schema = {**schema, "properties": keys}
        parts.append(f"It has all keys of [{SUPERSET[name]}](json-{SUPERSET[name]}.md), and these:")
    return join_blocks(
        (
            *begin(f"JSON of {title.removesuffix(' -o json')}", f"`docs/schemas/{name}-v1.json`", *parts),
            write_table(("key", "what it is", "meaning"), list_keys(schema)),
        )
    )
