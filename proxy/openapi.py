"""`GET /api/openapi.json`: the API described from the same records that make it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from proxy import __version__
from proxy.endpoint import Endpoint, ErrorAnswer

REFERENCE = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


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
            "ErrorAnswer; every answer has the header X-Request-Id.",
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _operation(endpoint: Endpoint, references: Any) -> dict[str, Any]:
    if isinstance(endpoint.answer, str):
        content: dict[str, Any] = {endpoint.answer: {}}
    else:
        content = _json(references[(endpoint.answer, "serialization")])
    error = _json(references[(ErrorAnswer, "serialization")])
    responses = {str(endpoint.status): {"description": "Success.", "content": content}}
    for status, meaning in endpoint.failures.items():
        responses[str(status)] = {"description": meaning, "content": error}
    responses["4XX"] = {"description": "The request is at fault.", "content": error}
    operation: dict[str, Any] = {"summary": endpoint.summary, "responses": responses}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        reference = references[(endpoint.body, "validation")]
        operation["requestBody"] = {"required": True, "content": _json(reference)}
    return operation


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
