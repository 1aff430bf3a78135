"""Makes values.schema.json and the table in README.md of the chart from values.yaml: `make chart-docs`.

A comment `# -- TEXT` describes the value below it.  In a text, "One of `a`, `b`" lists the values that are allowed, and
"integer or empty" is a number that may be left out.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bootstrap.settings import DEFAULTS
from tests.support.manifests.built import parse
from tests.support.manifests.helm import CHART

SCHEMA, README = CHART / "values.schema.json", CHART / "README.md"

BEGIN, END = "<!-- values: made by `make chart-docs` -->", "<!-- end of values -->"

SET_BY_OTHERS = {
    *("SERVICE", "SET", "REPLICAS", "ORDINALS_START", "DOMAIN", "SST_METHOD", "BIND_ADDRESS", "METRICS"),
    *("DATA_ROOT", "RUN_DIR", "CONFIG_DIR", "SECRETS_DIR", "TLS_DIR", "HEALTH_PORT", "EXCHANGE_PORT"),
    "SECRET_FILES",  # auth.secretKeys
}
"""Settings that have values of their own, and those that are also in mounts, probes and policies."""

SECRET_KEYS = (
    *("cluster-id", "exchange-key", "exchange-key-previous", "root-password", "agent-password", "sst-password"),
    *("user", "password", "database"),
)


def _only(each: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A schema of a mapping with these keys and no other."""
    return {"additionalProperties": False, "properties": {name: dict(each) for name in sorted(names)}}


QUANTITY = {"pattern": r"^[0-9]+(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$"}
"""An amount of bytes, as Kubernetes reads it."""

PORT = {"minimum": 1, "maximum": 65535}

OBJECTS = {"items": {"type": "object"}}

NAMED = {"items": {"type": "object", "required": ["name"]}}

PULL_SECRETS = {"items": {"anyOf": [{"type": "string", "minLength": 1}, NAMED["items"]]}}
"""Names, or objects as in a pod."""

BY_NAME: Mapping[str, Mapping[str, Any]] = {
    "size": QUANTITY,
    "tmpSize": QUANTITY,
    "port": PORT,
    "claimName": {"pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    "imagePullSecrets": PULL_SECRETS,
    "pullSecrets": PULL_SECRETS,
    **dict.fromkeys(("initContainers", "sidecars", "extraEnv", "extraVolumes", "extraVolumeMounts"), NAMED),
    "tolerations": OBJECTS,
}
"""Last part of a value's path -> what its schema has beside its type."""

TEXTS = re.compile("(labels|annotations|nodeSelector)$", re.IGNORECASE)
"""Values that Kubernetes takes only as a mapping of texts."""

SPECIAL: Mapping[str, Mapping[str, Any]] = {
    "replicaCount": {"minimum": 1},
    "backup.keep": {"minimum": 1},
    "settings": _only({"type": ["string", "integer"]}, DEFAULTS.keys() - SET_BY_OTHERS),
    "auth.secretKeys": _only({"type": "string", "minLength": 1}, SECRET_KEYS),
    # A chart above this one may give more to all its charts.
    "global": {"additionalProperties": True},
}
"""Path of a value -> what its schema has beside its type."""


class Row(NamedTuple):
    """A value that a user may set."""

    path: str
    default: Any
    text: str


def rows() -> list[Row]:
    """All values, in the order of values.yaml.  Raises ValueError for one without a description."""
    text = (CHART / "values.yaml").read_text()
    (values,) = parse(text)
    found: list[Row] = []
    above: list[str] = []
    note = ""
    for line in text.splitlines():
        if described := re.match(r" *# -- (.+)$", line):
            note = described[1]
        elif key := re.match(r"( *)(\w+):", line):
            above = [*above[: len(key[1]) // 2], key[2]]
            default = values
            for name in above:
                default = default[name]
            if isinstance(default, dict) and default:
                continue
            if not note:
                raise ValueError(f"values.yaml: {'.'.join(above)} has no description")
            found.append(Row(".".join(above), default, note))
            note = ""
    return found


def schema() -> dict[str, Any]:
    """The JSON schema of all values: an unknown one is refused."""
    root: dict[str, Any] = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "galera", **_object()}
    for row in rows():
        at = root
        *above, name = row.path.split(".")
        for depth, part in enumerate(above, start=1):
            at = at["properties"].setdefault(part, {**_object(), **SPECIAL.get(".".join(above[:depth]), {})})
        more = {**BY_NAME.get(name, {}), **SPECIAL.get(row.path, {})}
        if TEXTS.search(name) and isinstance(row.default, dict):
            more = {"additionalProperties": {"type": "string"}, **more}
        at["properties"][name] = {"description": row.text, **_type(row), **more}
    return root


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _type(row: Row) -> dict[str, Any]:
    if listed := re.search(r"One of ((?:empty|`[^`]+`)(?:, (?:empty|`[^`]+`))*)", row.text):
        return {"enum": ["" if one == "empty" else one.strip("`") for one in listed[1].split(", ")]}
    if "integer or empty" in row.text:
        return {"anyOf": [{"type": "integer", "minimum": 1}, {"const": ""}]}
    if isinstance(row.default, bool):
        return {"type": "boolean"}
    if isinstance(row.default, int):
        return {"type": "integer", "minimum": 0}
    return {
        "type": "string" if isinstance(row.default, str) else "array" if isinstance(row.default, list) else "object"
    }


def table() -> str:
    """The table of all values for README.md."""
    lines = ["| value | default | |", "|---|---|---|"]
    for row in rows():
        default = row.default if isinstance(row.default, str) else json.dumps(row.default)
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{row.path}` | {shown} | {row.text} |")
    return "\n".join(lines)


def readme() -> str:
    """README.md, with the table of now."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def schema_text() -> str:
    """The file values.schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text())
    README.write_text(readme())
