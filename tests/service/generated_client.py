"""A client in Python, written from an OpenAPI document and nothing else, as a generator for any language writes it.

What the document leaves open cannot be written: a reference to nothing, a schema without a type, a name that is no
identifier. What an answer has beyond its schema, or lacks, is refused when it comes.
"""

import importlib.util
import keyword
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from pydantic import TypeAdapter

Schema = dict[str, Any]
Operation = tuple[str, str, dict[str, Any]]

JSON = {"application/json", "application/problem+json"}
SCALARS = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}

HEAD = '''
from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

import httpx
import orjson
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import Required, TypedDict


class Refused(Exception):
    """An answer that is no success, as its own schema has it."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(status, answer)
        self.status = status
        self.answer = answer
'''

CLIENT = """
class Client:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def _call(self, method: str, path: str, asked: dict, headers: dict, body: Any, answers: dict) -> Any:
        given = httpx.QueryParams({name: value for name, value in asked.items() if value is not None})
        sent = {name: value for name, value in headers.items() if value is not None}
        content = None
        if body is not None:
            content, sent["Content-Type"] = orjson.dumps(body), "application/json"
        answer = await self._http.request(method, path, params=given, headers=sent, content=content)
        kinds = answers[str(answer.status_code)]
        if not kinds:
            assert answer.content == b""
            return None
        kind = kinds[answer.headers["content-type"].partition(";")[0]]
        read = answer.text if kind is str else TypeAdapter(kind).validate_json(answer.content, strict=True)
        if answer.is_success:
            return read
        raise Refused(answer.status_code, read)
"""


def operations_of(document: Schema) -> list[Operation]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def write_client(document: Schema, path: Path) -> ModuleType:
    """Write the client as a module, and import it with every type in it found."""
    schemas = document["components"]["schemas"]
    records = [_record(name, schema) for name, schema in schemas.items() if "properties" in schema]
    others = [
        f"{_name(name)} = {_kind(schema)}" for name, schema in schemas.items() if "properties" not in schema
    ]
    methods = [_method(*operation) for operation in operations_of(document)]
    path.write_text("\n\n".join([HEAD, *others, *records, CLIENT, *methods]), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in schemas:
        TypeAdapter(vars(module)[name])
    for _, _, operation in operations_of(document):
        get_type_hints(getattr(module.Client, operation["operationId"]))
    return module


def _name(text: str) -> str:
    """Return a name of the document as it stands; one that no language would take is refused."""
    if not text.isidentifier() or keyword.iskeyword(text):
        raise ValueError(f"{text!r} cannot be a name.")
    return text


def _record(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    lines = [
        f"class {_name(name)}(TypedDict, total=False):",
        "    __pydantic_config__ = ConfigDict(extra='forbid')",
    ]
    for field, of_field in schema["properties"].items():
        kind = _kind(of_field)
        lines.append(f"    {_name(field)}: {f'Required[{kind}]' if field in required else kind}")
    return "\n".join(lines)


def _kind(schema: Schema) -> str:
    """Return a schema as a type; limits of a value are the service's to check."""
    if "$ref" in schema:
        return schema["$ref"].removeprefix("#/components/schemas/")
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(map(_kind, choices))
    if "const" in schema or "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema.get('enum') or [schema['const']]))}]"
    if not set(schema) - {"title", "description", "default"}:
        return "Any"
    return _plain(schema)


def _plain(schema: Schema) -> str:
    kind = schema["type"]
    if kind == "array":
        several = "prefixItems" in schema
        inner = ", ".join(map(_kind, schema["prefixItems"])) if several else _kind(schema["items"])
        return f"{'tuple' if several else 'list'}[{inner}]"
    if kind == "object":
        rest = schema.get("additionalProperties", True)
        return f"dict[str, {'Any' if rest is True else _kind(rest)}]"
    return "datetime" if schema.get("format") == "date-time" else SCALARS[kind]


def _method(method: str, path: str, operation: Schema) -> str:
    parameters = operation.get("parameters", [])
    names = {
        parameter["name"]: _name(re.sub(r"\W", "_", parameter["name"]).lower()) for parameter in parameters
    }
    taken = [f"{names[p['name']]}: {_kind(p['schema'])}" for p in parameters if p.get("required")]
    body = None
    if "requestBody" in operation:
        [content] = operation["requestBody"]["content"].values()
        taken.append(f"body: {_kind(content['schema'])}")
        body = "body"
    taken += [f"{names[p['name']]}: {_kind(p['schema'])} = None" for p in parameters if not p.get("required")]

    def sent(place: str) -> str:
        return (
            "{"
            + ", ".join(f"{n!r}: {names[n]}" for n in (p["name"] for p in parameters if p["in"] == place))
            + "}"
        )

    answers = ", ".join(
        f"{status!r}: {{{_answers(found.get('content', {}))}}}"
        for status, found in operation["responses"].items()
    )
    where = re.sub(r"{(\w+)}", lambda part: "{quote(" + names[part[1]] + ", safe='')}", path)
    name = _name(operation["operationId"])
    return (
        f"    _{name} = {{{answers}}}\n\n"
        f"    async def {name}({', '.join(['self', *taken])}):\n"
        f"        asked, headers = {sent('query')}, {sent('header')}\n"
        f"        return await self._call({method!r}, f{where!r}, asked, headers, {body}, self._{name})\n"
    )


def _answers(content: Schema) -> str:
    """Return what each media type of an answer is read as: JSON as its schema says, everything else as text."""
    return ", ".join(
        f"{media_type!r}: {_kind(found['schema']) if media_type in JSON else 'str'}"
        for media_type, found in content.items()
    )
