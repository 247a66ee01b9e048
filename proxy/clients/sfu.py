"""The LiveKit server as the proxy uses it: few calls, short timeouts, failures told in words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import aiohttp
from livekit import api

from proxy.api.errors import ApiError
from proxy.clients.outside import FAILURES, in_words
from proxy.settings import ProxySettings

Result = TypeVar("Result")

HOW_TO_CHECK = (
    "`./restart_voice_system.sh status` tells whether the livekit process runs; LIVEKIT_URL names "
    "the server."
)


class SfuError(ApiError):
    """The LiveKit server did not do what it was asked; `transient` when asking again can help."""

    def __init__(self, status: int, code: str, message: str, *, transient: bool) -> None:
        super().__init__(status, code, message)
        self.transient = transient


def credentials_missing(url: str) -> SfuError:
    """The error for a LiveKit server whose key and secret we do not have."""
    return SfuError(
        503,
        "LIVEKIT_CREDENTIALS_MISSING",
        f"LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set. Put the pair that {url} knows "
        "into .env, or start the system by ./restart_voice_system.sh, which makes one for its own "
        "server.",
        transient=False,
    )


class Sfu:
    """Calls to one LiveKit server. Made within the running loop; `aclose` when done."""

    def __init__(self, settings: ProxySettings) -> None:
        self._url = settings.livekit_url
        self._timeout = settings.livekit_timeout
        self._client: api.LiveKitAPI | None = None
        if settings.livekit_credentials is not None:
            self._client = api.LiveKitAPI(settings.livekit_url, *settings.livekit_credentials)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def room(self, name: str) -> api.Room | None:
        """The room of that name, if it exists."""
        found = await self._call(self.client.room.list_rooms(api.ListRoomsRequest(names=[name])))
        return found.rooms[0] if found.rooms else None

    async def participants(self, room: str) -> list[api.ParticipantInfo]:
        request = api.ListParticipantsRequest(room=room)
        return list((await self._call(self.client.room.list_participants(request))).participants)

    async def dispatches(self, room: str) -> list[api.AgentDispatch]:
        """The dispatches of a room that exists (of another, the server thinks for 3 s)."""
        return await self._call(self.client.agent_dispatch.list_dispatch(room))

    async def create_dispatch(self, room: str, agent_name: str, metadata: str) -> api.AgentDispatch:
        request = api.CreateAgentDispatchRequest(
            room=room, agent_name=agent_name, metadata=metadata
        )
        return await self._call(self.client.agent_dispatch.create_dispatch(request))

    async def delete_dispatch(self, room: str, dispatch_id: str) -> None:
        """Delete a dispatch; that it is gone already is as good."""
        await self._call_if_there(self.client.agent_dispatch.delete_dispatch(dispatch_id, room))

    async def remove_participant(self, room: str, identity: str) -> None:
        """Send a participant out of the room; that it has left already is as good."""
        request = api.RoomParticipantIdentity(room=room, identity=identity)
        await self._call_if_there(self.client.room.remove_participant(request))

    async def delete_room(self, room: str) -> None:
        """End a room; that it has ended already is as good."""
        await self._call_if_there(self.client.room.delete_room(api.DeleteRoomRequest(room=room)))

    @property
    def client(self) -> api.LiveKitAPI:
        """The server's own client; `SfuError` when there is no key to sign with."""
        if self._client is None:
            raise credentials_missing(self._url)
        return self._client

    async def _call_if_there(self, call: Awaitable[object]) -> None:
        try:
            await self._call(call)
        except SfuError as error:
            if error.code != "LIVEKIT_NOT_FOUND":
                raise

    async def _call(self, call: Awaitable[Result]) -> Result:
        try:
            # Not by the client's own timeout: it is lost on the way to the request.
            async with asyncio.timeout(self._timeout):
                return await call
        except api.ServerError as error:
            raise self._refused(error) from error
        except TimeoutError as error:
            raise SfuError(
                503,
                "LIVEKIT_TIMEOUT",
                f"The LiveKit server at {self._url} accepted the connection but did not answer "
                f"within {self._timeout:g} s. {HOW_TO_CHECK}",
                transient=True,
            ) from error
        except FAILURES as error:
            raise SfuError(
                503,
                "LIVEKIT_UNREACHABLE",
                f"The LiveKit server at {self._url} cannot be reached: {in_words(error)}. "
                f"{HOW_TO_CHECK}",
                transient=not isinstance(error, aiohttp.ClientConnectorDNSError),
            ) from error

    def _refused(self, error: api.ServerError) -> SfuError:
        said = error.message or error.code
        if error.status in (401, 403):
            return SfuError(
                502,
                "LIVEKIT_CREDENTIALS_REJECTED",
                f"The LiveKit server at {self._url} rejects LIVEKIT_API_KEY and "
                f"LIVEKIT_API_SECRET ({said}). Set the pair that this server knows.",
                transient=False,
            )
        # "no response from servers" is how it says that nobody holds the room.
        if error.status == 404 or "no response from servers" in error.message:
            return SfuError(
                404,
                "LIVEKIT_NOT_FOUND",
                f"The LiveKit server at {self._url} does not know it: {said}.",
                transient=False,
            )
        if error.status == 400:
            return SfuError(
                400,
                "LIVEKIT_REFUSED",
                f"The LiveKit server at {self._url} refuses this request: {said}.",
                transient=False,
            )
        return SfuError(
            502,
            "LIVEKIT_ERROR",
            f"The LiveKit server at {self._url} answered {error.status}: {said}.",
            transient=error.status >= 500,
        )
