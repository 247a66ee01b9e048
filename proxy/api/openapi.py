"""`GET /api/openapi.json`: the API described from the same records that make it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from proxy import __version__
from proxy.api.endpoint import BODY_DEADLINE_S, Endpoint, ErrorAnswer
from proxy.api.errors import ACCEPTABLE, HEADER

REFERENCE = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
EVERYWHERE = {
    400: "The request, or a part of it, is malformed; the message names it.",
    403: "The Host or the Origin is not ours (HOST_NOT_ALLOWED, ORIGIN_NOT_ALLOWED).",
    417: "The header Expect is not '100-continue' (EXPECTATION_FAILED).",
}
WITH_BODY = {
    408: f"The body did not arrive within {BODY_DEADLINE_S:g} s (BODY_TOO_SLOW).",
    413: "The body is too large (BODY_TOO_LARGE).",
}
WITH_JSON = {415: "The body is not sent as application/json (NOT_JSON)."}
WITH_PATH = {404: "There is nothing at such a path (NOT_FOUND)."}
SECURITY = {
    "eventToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The LiveKit token of the room: a page's from POST /api/token, or an "
        "agent's, signed with LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
    },
    "webhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "A token of the LiveKit server with the SHA-256 of the body.",
    },
}
REQUEST_ID = {
    "name": HEADER,
    "in": "header",
    "description": "The caller's own id of the request; any other value is replaced by a new id.",
    "schema": {"type": "string", "pattern": f"^{ACCEPTABLE.pattern}$"},
}


class OpenApi:
    """Handler of the route; the endpoints of the whole application are given to `describe`."""

    def __init__(self) -> None:
        self._described: Sequence[Endpoint] = ()
        self._document: dict[str, Any] | None = None
        self.endpoints = [
            Endpoint(
                "GET",
                "/api/openapi.json",
                self.document,
                "This document.",
                "application/json",
            )
        ]

    def describe(self, endpoints: Sequence[Endpoint]) -> None:
        """Set what the document is about. It is made when somebody asks for it."""
        self._described = endpoints

    async def document(self, request: web.Request) -> web.Response:
        if self._document is None:
            self._document = document_of(self._described)
        return web.json_response(self._document)


def documented_path(path: str) -> str:
    """An aiohttp path as OpenAPI writes it: parameters without their patterns."""
    return _PARAMETER.sub(r"{\1}", path)


def document_of(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `endpoints`."""
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (ErrorAnswer, "serialization"): None
    }
    for endpoint in endpoints:
        if endpoint.body is not None:
            models[(endpoint.body, "validation")] = None
        if not isinstance(endpoint.answer, str):
            models[(endpoint.answer, "serialization")] = None
    references, schemas = models_json_schema(list(models), ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, references)
        paths.setdefault(documented_path(endpoint.path), {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Voice system proxy",
            "version": __version__,
            "description": "Tokens, dispatch, Letta and health. Every failure has the form of "
            "ErrorAnswer; every answer has the header X-Request-Id. Another method on one of these "
            "paths is answered with 405 (METHOD_NOT_ALLOWED) and the header Allow, another path "
            "with 404 (NOT_FOUND). Each GET can be asked as HEAD.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": SECURITY,
            "parameters": {"RequestId": REQUEST_ID},
            "headers": {
                "RequestId": {
                    "description": "The id by which the log names this request.",
                    "required": True,
                    "schema": REQUEST_ID["schema"],
                }
            },
        },
    }


def _operation(endpoint: Endpoint, references: Any) -> dict[str, Any]:
    error = _json(references[(ErrorAnswer, "serialization")])
    success = _success(endpoint, references)
    responses = {str(endpoint.status): _response("Success.", success)}
    for status, meaning in endpoint.bare.items():
        responses[str(status)] = _response(meaning)
    for status, meaning in sorted(_failures(endpoint).items()):
        form = success if endpoint.own_form and status == 503 else error
        responses[str(status)] = _response(meaning, form)
    if endpoint.passes_on:
        whose = f"The answer of {endpoint.passes_on}, whatever its status."
        responses["default"] = _response(whose, {"*/*": {}})
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "parameters": list(_parameters(endpoint)),
        "responses": responses,
    }
    if endpoint.security is not None:
        operation["security"] = [{endpoint.security: []}]
    if endpoint.body is not None:
        reference = references[(endpoint.body, "validation")]
        operation["requestBody"] = {"required": True, "content": _json(reference)}
    return operation


def _success(endpoint: Endpoint, references: Any) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {} for kind in endpoint.also}
    if not isinstance(endpoint.answer, str):
        content.update(_json(references[(endpoint.answer, "serialization")]))
    elif endpoint.answer:
        content[endpoint.answer] = {}
    return content


def _failures(endpoint: Endpoint) -> dict[int, str]:
    failures = dict(EVERYWHERE)
    if endpoint.body is not None or endpoint.reads_body:
        failures |= WITH_BODY
    if endpoint.body is not None:
        failures |= WITH_JSON
    if _PARAMETER.search(endpoint.path):
        failures |= WITH_PATH
    for status, meaning in endpoint.failures.items():
        failures[status] = f"{meaning} {failures[status]}" if status in failures else meaning
    return failures


def _response(meaning: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": meaning,
        "headers": {HEADER: {"$ref": "#/components/headers/RequestId"}},
    }
    if content:
        response["content"] = content
    return response


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    path = _properties(endpoint.path_fields)
    for name in _PARAMETER.findall(endpoint.path):
        schema = path.get(name, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in _properties(endpoint.query).items():
        yield {"name": name, "in": "query", "schema": schema}
    for name, header in endpoint.headers.items():
        yield {"name": name, "in": "header", "schema": dict(header)}
    yield {"$ref": "#/components/parameters/RequestId"}


def _properties(model: type[BaseModel] | None) -> dict[str, dict[str, Any]]:
    """The JSON schema of each field; what may be left out is not null in an address."""
    if model is None:
        return {}
    properties = {}
    for name, schema in model.model_json_schema()["properties"].items():
        kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
        if kinds:
            rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
            schema = {**rest, **kinds[0]}
        properties[name] = schema
    return properties


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
