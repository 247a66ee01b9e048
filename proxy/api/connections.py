"""What the framework answers before any handler is called: bytes that are no HTTP, and `Expect`.

aiohttp answers these in plain text and logs a traceback. Here they get the JSON of every other
failure, and one line in the log.
"""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.api.errors import error_answer, framework_error
from proxy.api.security import set_headers

log = logging.getLogger("proxy")

SHOWN_MAX = 200


class Runner(web.AppRunner):
    """Runs an application whose every failure is JSON, also of what is no request."""

    async def cleanup(self) -> None:
        """End it; whoever does not read his answer is not waited for."""
        connections = self.server.connections if self.server is not None else []
        transports = [each.transport for each in connections]
        await super().cleanup()
        for transport in transports:
            if transport is not None:
                transport.abort()

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()

        async def handler(request: Any) -> web.StreamResponse:
            try:
                return await plain.request_handler(request)
            except web.HTTPException as error:
                return framework_error(request, error)

        return _Server(handler, request_factory=plain.request_factory, **self._kwargs)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status != 400 or request.writer.output_size > 0:
            # A fault of ours, with its traceback; or an answer has begun and is cut off.
            return super().handle_error(request, status, exc, message)
        reason = _in_one_line(message or "")
        log.warning("A request from %s cannot be read: %s", request.remote, reason)
        answer = error_answer(
            400,
            "BAD_REQUEST",
            f"This is no HTTP request that can be read: {reason}. Send HTTP/1.1; with TLS in front "
            "of this server, send it plain HTTP.",
        )
        set_headers(request, answer)
        answer.force_close()
        return answer


def _in_one_line(message: str) -> str:
    """The parser's reason without the picture of the bytes that it draws below."""
    reason = message.strip().partition("\n")[0].rstrip(" :.")
    return ascii(reason)[1:-1][:SHOWN_MAX] or "it is malformed"
