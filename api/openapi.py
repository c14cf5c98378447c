"""The OpenAPI 3.1 document, made of the models that validate and the operations that are served."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.job_models import CSV, FORM, NDJSON, JobOptions
from api.models import TEMPLATE_NAME, ProblemBody
from api.operations import OPERATIONS, Operation
from api.problems import CONTENT_TYPE, KINDS
from api.webhook_models import POSTED

ALWAYS = ("no-key", "not-allowed", "address", "too-fast", "defect", "away")
WITH_BODY = ("not-json", "broken-body", "too-large", "media-type", "invalid")
ONCE = ("bad-header", "other-request")
VERSION = "1.0"

_PARAMETER = re.compile(r"\{(\w+)\}")
_ID = {"type": "string", "format": "uuid"}
_NAME = {"type": "string", "pattern": TEMPLATE_NAME}
_PARTS: Mapping[str, Mapping[str, Any]] = {
    "/v1/messages/{id}": _ID,
    **dict.fromkeys((each.path for each in OPERATIONS if each.path.startswith("/v1/webhooks/")), _ID),
    "/v1/devices/{id}": {"type": "string", "format": "uuid"},
    **{each.path: {"type": "string", "format": "uuid"} for each in OPERATIONS if "/jobs/{" in each.path},
    "/v1/templates/{name}": _NAME,
    "/v1/templates/{name}/messages": _NAME,
}
_RATES = {
    "RateLimit-Limit": "Messages that a key may send at once after silence.",
    "RateLimit-Remaining": "How many are left; only where this server alone knows.",
    "RateLimit-Reset": "Seconds until all are there again.",
}


def document() -> dict[str, Any]:
    """The whole document."""
    bodies = {
        model: mode
        for operation in OPERATIONS
        for model, mode in ((operation.takes, "validation"), (operation.gives, "serialization"))
        if model is not None
    }
    bodies |= dict.fromkeys((ProblemBody, *POSTED), "serialization")
    wanted: Any = list(bodies.items())
    _names, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Chapar", "version": VERSION, "description": "Send messages, verify numbers."},
        "servers": [{"url": "/api"}],
        "security": [{"key": []}],
        "paths": paths,
        "webhooks": {event.__name__: _posted(event) for event in POSTED},
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    kinds = [*ALWAYS, *operation.problems]
    kinds += WITH_BODY if operation.takes else ()
    kinds += ONCE if operation.once else ()
    content: dict[str, Any] = {"application/json": {"schema": _ref(operation.gives.__name__)}}
    content |= {media: {"schema": {"type": "string"}} for media in operation.also}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "description": f"Needs a key with the scope `{operation.scope}`.",
        "parameters": [*_parameters(operation)],
        "responses": {
            str(operation.status): {"description": operation.says, "headers": _headers(), "content": content},
            **_problems(kinds),
        },
    }
    if operation.takes is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(operation.takes.__name__)}},
        }
    if operation.uploads:
        described["requestBody"] = {"required": True, "content": _uploads(operation)}
    return described


def _uploads(operation: Operation) -> dict[str, Any]:
    """Media types → what they are. A form has the options and, behind them, the file."""
    # What is no JSON has no schema of JSON (OpenAPI 3.1, Considerations for File Uploads).
    content: dict[str, Any] = {media: {} for media in operation.uploads if media != FORM}
    if FORM in operation.uploads:
        schema = {
            "type": "object",
            "properties": _fields(JobOptions) | {"file": {"type": "string", "contentMediaType": CSV}},
            "required": ["file"],
            "additionalProperties": False,
        }
        content[FORM] = {"schema": schema, "encoding": {"file": {"contentType": f"{CSV}, {NDJSON}"}}}
    return content


def _posted(event: type[BaseModel]) -> dict[str, Any]:
    """What is posted to webhooks."""
    head = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "post": {
            "summary": inspect.getdoc(event),
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
                for name in head
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _ref(event.__name__)}},
            },
            "responses": {"2XX": {"description": "It is taken; whatever else is answered, it comes again."}},
        }
    }


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in _PARAMETER.findall(operation.path):
        schema = _PARTS.get(operation.path, {"type": "string", "minLength": 1, "maxLength": 512})
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if operation.query is not None:
        required = operation.query.model_json_schema().get("required", ())
        for name, schema in _fields(operation.query).items():
            yield {"name": name, "in": "query", "required": name in required, "schema": schema}
    if operation.once:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key and body: the same answer, for two days. Another body: 409.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }
    yield {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "The language of problems: fa (where nothing is asked for), en.",
        "schema": {"type": "string"},
        "example": "en",
    }


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Names → what they are, in a query or a form. There is no null: what may be null may be left out."""
    fields: dict[str, Any] = {}
    for name, schema in model.model_json_schema()["properties"].items():
        choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
        fields[name] = choices[0] if choices else schema
    return fields


def _problems(kinds: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(KINDS[kind][0], []).append(kind)
    return {
        str(status): {
            "description": ", ".join(names),
            "content": {CONTENT_TYPE: {"schema": _ref(ProblemBody.__name__)}},
        }
        for status, names in sorted(by_status.items())
    }


def _headers() -> dict[str, Any]:
    return {
        name: {"description": says, "required": False, "schema": {"type": "integer"}}
        for name, says in _RATES.items()
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
