"""The LiveKit server: is it where LIVEKIT_URL says, and does it know our key and secret?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from livekit import api

from proxy.settings import ProxySettings
from proxy.system.questions import OWN_KEYS_EVERY_S, Questions
from proxy.verdicts.health import Probe

ADDRESS, CREDENTIALS = "livekit address", "livekit credentials"
LIST_ROOMS = "/twirp/livekit.RoomService/ListRooms"
NO_ROOM = "no room has this name"
"""Asked for, since a list of all rooms may be long."""
TOKEN_LIFE = timedelta(minutes=1)


async def address(
    settings: ProxySettings, questions: Questions, max_age: float | None = None
) -> Probe:
    """Whether a LiveKit server answers; a scheme that does not fit it is told as such."""
    url = settings.livekit_http_url + "/"
    found = await questions.ask(url, max_age=max_age)
    if found.problem in ("tls", "other", "status"):
        found = await _with_scheme_checked(settings, questions, found)
    target = settings.livekit_url
    return replace(found, name=ADDRESS, target=target)


async def _with_scheme_checked(
    settings: ProxySettings, questions: Questions, found: Probe
) -> Probe:
    """Whether the same place answers by the other scheme: then LIVEKIT_URL has the wrong one."""
    secure = urlsplit(settings.livekit_http_url).scheme == "https"
    other = urlsplit(settings.livekit_http_url + "/")._replace(scheme="http" if secure else "https")
    by_other = await questions.ask(other.geturl())
    # A certificate that is not trusted is a sign of TLS as well.
    answers = by_other.status is not None or (by_other.problem == "tls" and not secure)
    if not answers or (secure and "not trusted" in found.detail):
        return found
    place = urlsplit(settings.livekit_url)
    right = place._replace(scheme="ws" if secure else "wss").geturl()
    what = "speaks no TLS" if secure else "speaks TLS only"
    detail = (
        f"LIVEKIT_URL is {settings.livekit_url}, but the server there {what}: set it to {right}"
    )
    return replace(found, problem="scheme", detail=detail)


async def credentials(settings: ProxySettings, questions: Questions) -> Probe | None:
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
        return Probe(CREDENTIALS, "missing", detail, settings.livekit_url)
    grants = api.VideoGrants(room_list=True)
    token = api.AccessToken(*settings.livekit_credentials).with_grants(grants)
    found = await questions.ask(
        settings.livekit_http_url + LIST_ROOMS,
        key=token.with_ttl(TOKEN_LIFE).to_jwt(),
        body={"names": [NO_ROOM]},
        max_age=OWN_KEYS_EVERY_S,
    )
    if found.problem not in ("", "rejected", "rate-limited"):
        return None
    return replace(found, name=CREDENTIALS, target=settings.livekit_url)
