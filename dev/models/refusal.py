"""An error in OpenAI's shape."""

from __future__ import annotations

from aiohttp import web


def refusal(status: int, message: str, param: str | None = None) -> web.Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return web.json_response(
        {"error": {"message": message, "type": kind, "param": param, "code": None}}, status=status
    )
