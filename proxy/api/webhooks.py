"""`POST /webhooks/livekit`: what the LiveKit server reports, checked by its signature."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import hdrs, web
from livekit import api

from common import logs
from proxy.api.endpoint import Answer, Endpoint, answered, read_body
from proxy.api.errors import ApiError
from proxy.clients.sfu import credentials_missing
from proxy.dispatch.dispatcher import Dispatcher
from proxy.settings import ProxySettings
from proxy.timeline.sfu_events import note_report
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.webhooks")


class Webhooks:
    """Takes reports into the timeline, and passes on what concerns the agents of rooms."""

    def __init__(self, settings: ProxySettings, dispatcher: Dispatcher, timeline: Timeline) -> None:
        self._dispatcher = dispatcher
        self._timeline = timeline
        self._url = settings.livekit_url
        self._receiver: api.WebhookReceiver | None = None
        if settings.livekit_credentials is not None:
            verifier = api.TokenVerifier(*settings.livekit_credentials)
            self._receiver = api.WebhookReceiver(verifier)
        self.endpoints = [
            Endpoint(
                "POST",
                "/webhooks/livekit",
                self.receive,
                "Reports of the LiveKit server, signed with its key.",
                Answer,
                security="webhookSignature",
                reads_body=True,
                failures={
                    401: "The signature is missing or wrong (WEBHOOK_REFUSED).",
                    503: "The proxy has no key and secret of the LiveKit server.",
                },
            )
        ]

    async def receive(self, request: web.Request) -> web.Response:
        event = self._verified(
            await read_body(request), request.headers.get(hdrs.AUTHORIZATION, "")
        )
        logs.about(event.room.name)
        log.debug(
            "LiveKit reports %s: room %s, participant %s",
            event.event,
            event.room.name or "-",
            event.participant.identity or "-",
        )
        note_report(self._timeline, event)
        await self._pass_on(event)
        return answered(Answer())

    def _verified(self, body: bytes, signature: str) -> Any:
        if self._receiver is None:
            raise credentials_missing(self._url)
        try:
            return self._receiver.receive(body.decode(), signature.removeprefix("Bearer "))
        except Exception as error:
            # The receiver raises bare exceptions for a missing or wrong hash, and the library of
            # whatever it meets for the rest: none of them is a fault of ours.
            raise _refused(str(error)) from None

    async def _pass_on(self, event: Any) -> None:
        room = event.room.name
        is_agent = event.participant.kind == event.participant.AGENT
        if event.event == "room_finished":
            await self._dispatcher.room_finished(room)
        elif is_agent and event.event in ("participant_joined", "participant_left"):
            await self._dispatcher.agent_reported(room, event.participant.identity)


def _refused(reason: str) -> ApiError:
    log.warning("A report that claims to be of the LiveKit server was refused: %s", reason)
    return ApiError(
        401,
        "WEBHOOK_REFUSED",
        f"This is not signed by the LiveKit server with our key: {reason}. The webhook's api_key "
        "must be LIVEKIT_API_KEY.",
    )
