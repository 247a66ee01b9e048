"""What a failed request to another service means, in words."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp

FAILURES = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
"""What a request to another service raises when the service is at fault, or gone."""


def in_words(error: BaseException) -> str:
    """The cause of a failed request, without addresses and class names.

    >>> in_words(asyncio.TimeoutError())
    'it did not answer in time'
    """
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host!r} is unknown (DNS: {error.strerror})"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted ({error.certificate_error})"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return "connection refused: nothing listens there"
        if isinstance(error.os_error, ssl.SSLError):
            return f"TLS failed ({error.os_error.reason})"
        return f"no connection ({error.os_error.strerror or error.os_error})"
    if isinstance(error, asyncio.TimeoutError):
        return "it did not answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "it closed the connection"
    return str(error) or type(error).__name__
