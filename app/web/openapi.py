"""The OpenAPI 3.1 description of `/api/v1/`, made of what routes, reads parameters and answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass
from importlib.metadata import version
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from app.domain.exports import MEDIA_TYPES
from app.domain.plain import plain_name
from app.store.queries.paging import KeptPage, Page

Schema = dict[str, Any]
_REF = "#/components/schemas/{model}"
_PLACE = re.compile(r"<(?:(\w+):)?(\w+)>")
_SIMPLE: Mapping[Any, Schema] = {
    str: {"type": "string"}, bytes: {"type": "string"}, int: {"type": "integer"}, bool: {"type": "boolean"},
    NoneType: {"type": "null"}, Any: {},
}
_PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        "parameter": {"type": "string", "description": "The parameter that is wrong"},
    },
    "required": ["type", "status", "detail"],
}


@dataclass(slots=True)
class Description:
    """A document that grows by one path after the other."""

    paths: dict[str, Any] = field(default_factory=dict)
    schemas: dict[str, Schema] = field(default_factory=lambda: {"Problem": _PROBLEM})

    def document(self) -> Schema:
        return {
            "openapi": "3.1.0",
            "info": {"title": "Tagtrail", "version": version("tagtrail"), "license": {
                "name": "Apache-2.0", "identifier": "Apache-2.0",
            }},
            "servers": [{"url": "/api/v1"}],
            "security": [{}, {"bearer": []}, {"basic": []}],
            "paths": self.paths,
            "components": {
                "schemas": self.schemas,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"}, "basic": {"type": "http", "scheme": "basic"},
                },
            },
        }

    def add_list(self, path: str, about: str, parameters: type[BaseModel], page: Any) -> None:
        """`page`: a kind of Page."""
        content: Schema = {MEDIA_TYPES["json"]: {"schema": self._schema(page)}}
        for form in ("jsonl", "csv"):
            content[MEDIA_TYPES[form].partition(";")[0]] = {"schema": {"type": "string"}}
        self._add(path, about, self._asked(parameters), content)

    def add_thing(self, path: str, about: str, parameters: type[BaseModel], answer: type) -> None:
        self._add(path, about, self._asked(parameters), {MEDIA_TYPES["json"]: {"schema": self._schema(answer)}})

    def add_bytes(self, path: str, about: str, media_type: str) -> None:
        self._add(path, about, [], {media_type: {}})

    def add_itself(self, path: str, about: str) -> None:
        self._add(path, about, [], {MEDIA_TYPES["json"]: {"schema": {"type": "object"}}})

    def add_action(self, path: str, about: str, parameters: type[BaseModel], answer: Schema, method: str) -> None:
        """Something that is done, answered with 202 as soon as it is promised."""
        self._add(path, about, self._asked(parameters), {MEDIA_TYPES["json"]: {"schema": answer}}, method)

    def _add(self, path: str, about: str, parameters: list[Schema], content: Schema, method: str = "get") -> None:
        name = re.sub(r"\W+", "_", path).strip("_")
        wrong = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
        self.paths.setdefault("/" + _PLACE.sub(r"{\2}", path), {})[method] = {
            "summary": about,
            "operationId": name if method == "get" else f"{method}_{name}",
            "parameters": [*_in_path(path), *parameters],
            "responses": {
                "200" if method == "get" else "202": {"description": about, "content": content},
                "default": {"description": "Why not", "content": wrong},
            },
        }

    def _asked(self, parameters: type[BaseModel]) -> list[Schema]:
        """The query's parameters, by the names that an address has."""
        described = parameters.model_json_schema(by_alias=True, ref_template=_REF)
        self.schemas.update(described.get("$defs", {}))
        required = described.get("required", [])
        return [
            {"name": name, "in": "query", "required": name in required, "schema": _never_null(schema)}
            for name, schema in described.get("properties", {}).items()
        ]

    def _schema(self, kind: Any) -> Schema:
        """Of a value as `plain` shows it."""
        if isinstance(kind, UnionType):
            return {"anyOf": [self._schema(choice) for choice in get_args(kind)]}
        if get_origin(kind) is Literal:
            return {"type": "string", "enum": list(get_args(kind))}
        if get_origin(kind) in (tuple, frozenset):
            return {"type": "array", "items": self._schema(get_args(kind)[0])}
        if get_origin(kind) is Mapping:
            return {"type": "object", "additionalProperties": self._schema(get_args(kind)[1])}
        if get_origin(kind) in (Page, KeptPage):
            return self._page(get_args(kind)[0], fields(get_origin(kind))[2:])
        return self._object(kind) if is_dataclass(kind) else _SIMPLE[kind]

    def _page(self, line: type, more: Sequence[Field[Any]]) -> Schema:
        members = {"items": {"type": "array", "items": self._schema(line)}, "next": _nullable("string")}
        members |= {plain_name(one.name): self._member(one.name, one.type) for one in more}
        return {"type": "object", "properties": members, "required": list(members)}

    def _object(self, kind: Any) -> Schema:
        hints = get_type_hints(kind)
        if kind.__name__ not in self.schemas:
            members = {plain_name(one.name): self._member(one.name, hints[one.name]) for one in fields(kind)}
            self.schemas[kind.__name__] = {"type": "object", "properties": members, "required": list(members)}
        return {"$ref": _REF.format(model=kind.__name__)}

    def _member(self, name: str, hint: Any) -> Schema:
        if plain_name(name) == name:
            return self._schema(hint)
        moment = {"type": "string", "format": "date-time"}
        return {"anyOf": [moment, _SIMPLE[NoneType]]} if NoneType in get_args(hint) else moment


def _nullable(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _in_path(path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer" if kind == "int" else "string"}}
        for kind, name in _PLACE.findall(path)
    ]


def _never_null(schema: Schema) -> Schema:
    """An address has no null: what is not asked for is left out."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    kept = {name: value for name, value in schema.items() if name != "anyOf" and value is not None}
    if len(choices) == 1:
        return {**choices[0], **kept}
    return {**kept, "anyOf": choices} if choices else kept
