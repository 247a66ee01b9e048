"""Errors as answers: every failure leaves the proxy as `{"success": false, "error", "message"}`."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

log = logging.getLogger("proxy")

HEADER = "X-Request-Id"
"""One word that connects an answer with the lines of the log."""
_KEY = web.RequestKey("request_id", str)
ACCEPTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def request_id(request: web.BaseRequest) -> str:
    """The id of `request`: the caller's own when it is a plain word, else a new one."""
    if _KEY in request:
        return request[_KEY]
    offered = request.headers.get(HEADER, "")
    ident = offered if ACCEPTABLE.fullmatch(offered) else uuid.uuid4().hex[:16]
    request[_KEY] = ident
    return ident


class ApiError(Exception):
    """What the caller is told: HTTP status, a code for programs, a sentence for people."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def error_answer(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    """The JSON answer of a failure."""
    body = {"success": False, "error": code, "message": message, **more}
    return web.json_response(body, status=status, headers=headers)


def framework_error(request: web.BaseRequest, error: web.HTTPException) -> web.StreamResponse:
    """What the framework refuses (no such path, wrong method, body too large), in our form."""
    if error.status < 400:
        return error
    path = request.path[:200]
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.method} is not possible on {path}; use {allowed}."
        return error_answer(405, "METHOD_NOT_ALLOWED", message, {"Allow": allowed})
    if isinstance(error, web.HTTPNotFound):
        message = f"There is nothing at {path}; GET /api/openapi.json lists what there is."
        return error_answer(404, "NOT_FOUND", message)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return error_answer(
            413, "BODY_TOO_LARGE", f"The body of this request is too large: {error.text}."
        )
    if isinstance(error, web.HTTPExpectationFailed):
        expected = request.headers.get(hdrs.EXPECT, "")[:100]
        return error_answer(
            417,
            "EXPECTATION_FAILED",
            f"The header Expect is {expected!a}; only '100-continue' is possible. Leave it out.",
        )
    return error_answer(error.status, "BAD_REQUEST", error.text or error.reason)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer; log with traceback what nobody foresaw."""
    try:
        return await handler(request)
    except ApiError as error:
        return error_answer(error.status, error.code, error.message, error.headers)
    except web.HTTPException as error:
        return framework_error(request, error)
    except HttpProcessingError as error:
        return error_answer(400, "BAD_REQUEST", f"The request cannot be read: {error.message}.")
    except asyncio.CancelledError:
        raise
    except ConnectionResetError:
        # The caller went away while we answered: nobody is left to be told.
        raise
    except Exception:
        ident = request_id(request)
        # The raw path: a decoded one could carry line ends into the log.
        log.exception("request %s (%s %s) failed", ident, request.method, request.raw_path[:200])
        message = f"The proxy failed at this request; its log has the cause at request id {ident}."
        return error_answer(500, "INTERNAL", message)
