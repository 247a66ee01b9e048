"""The LiveKit server: is it where LIVEKIT_URL says, does it know our key and secret, and is its TCP
port for sound open?"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from livekit import api

from common import odd_keys
from proxy.probes import status_files
from proxy.probes.question import OWN_KEYS_EVERY_S, Questions
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult

ADDRESS, CREDENTIALS = "livekit address", "livekit credentials"
MEDIA_TCP = "media over TCP"
MEDIA_TCP_LIMIT_S = 1.0
LIST_ROOMS = "/twirp/livekit.RoomService/ListRooms"
NO_ROOM = "no room has this name"
"""Asked for, since a list of all rooms may be long."""
TOKEN_LIFE = timedelta(minutes=1)


async def address(
    settings: ProxySettings, questions: Questions, max_age: float | None = None
) -> ProbeResult:
    """Whether a LiveKit server answers; a scheme that does not fit it is told as such."""
    url = settings.livekit_http_url + "/"
    result = await questions.ask(url, max_age=max_age)
    if result.problem in ("tls", "other", "status"):
        result = await _with_scheme_checked(settings, questions, result)
    target = settings.livekit_url
    return replace(result, name=ADDRESS, target=target)


async def _with_scheme_checked(
    settings: ProxySettings, questions: Questions, result: ProbeResult
) -> ProbeResult:
    """Whether the same place answers by the other scheme: then LIVEKIT_URL has the wrong one."""
    secure = urlsplit(settings.livekit_http_url).scheme == "https"
    scheme = "http" if secure else "https"
    other = urlsplit(settings.livekit_http_url + "/")._replace(scheme=scheme).geturl()
    by_other = await questions.ask(other)
    # A certificate that is not trusted is a sign of TLS as well.
    answers = by_other.status is not None or (by_other.problem == "tls" and not secure)
    if not answers or (secure and "not trusted" in result.detail):
        return result
    place = urlsplit(settings.livekit_url)
    right = place._replace(scheme="ws" if secure else "wss").geturl()
    what = "speaks no TLS" if secure else "speaks TLS only"
    detail = (
        f"LIVEKIT_URL is {settings.livekit_url}, but the server there {what}: set it to {right}"
    )
    return replace(result, problem="scheme", detail=detail)


async def credentials(settings: ProxySettings, questions: Questions) -> ProbeResult | None:
    """Whether the server takes our key and secret; None when it did not answer the question."""
    if settings.livekit_credentials is None:
        lacks = [
            name
            for name, value in (
                ("LIVEKIT_API_KEY", settings.livekit_api_key),
                ("LIVEKIT_API_SECRET", settings.livekit_api_secret),
            )
            if value is None
        ]
        detail = f"{' and '.join(lacks)} {'are' if len(lacks) > 1 else 'is'} not set"
        return ProbeResult(CREDENTIALS, "missing", detail, settings.livekit_url)
    grants = api.VideoGrants(room_list=True)
    token = api.AccessToken(*settings.livekit_credentials).with_grants(grants)
    result = await questions.ask(
        settings.livekit_http_url + LIST_ROOMS,
        key=token.with_ttl(TOKEN_LIFE).to_jwt(),
        body={"names": [NO_ROOM]},
        max_age=OWN_KEYS_EVERY_S,
    )
    if result.problem not in ("", "rejected", "rate-limited"):
        return None
    key, secret = settings.livekit_credentials
    pair = {"LIVEKIT_API_KEY": key, "LIVEKIT_API_SECRET": secret}
    hints = [odd_keys.looks_like(name, pair) for name in pair]
    hint = next((hint for hint in hints if hint and result.problem), "")
    return replace(result, name=CREDENTIALS, target=settings.livekit_url, hint=hint)


async def media_over_tcp(settings: ProxySettings) -> ProbeResult | None:
    """Whether the TCP port for sound of our own server takes a connection; None when the server is
    not ours, or not ready. A page that can use UDP never tries it, so no page would say that it is
    closed."""
    folder = settings.process_status_dir
    file = status_files.read(folder, "livekit") if folder is not None else None
    if file is None or file.state != "ready":
        return None
    host = urlsplit(settings.livekit_url).hostname or "localhost"
    port, began = settings.livekit_tcp_port, time.monotonic()
    target = f"{host}:{port}"
    try:
        async with asyncio.timeout(MEDIA_TCP_LIMIT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return ProbeResult(
            MEDIA_TCP,
            "timeout",
            f"no answer within {MEDIA_TCP_LIMIT_S:g} s",
            target,
            at=time.time(),
        )
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        problem = "refused" if refused else "other"
        return ProbeResult(MEDIA_TCP, problem, error.strerror or str(error), target, at=time.time())
    writer.close()
    ms = round((time.monotonic() - began) * 1000, 1)
    return ProbeResult(MEDIA_TCP, target=target, ms=ms, at=time.time())
