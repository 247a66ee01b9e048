"""`GET /api/bundle`: the bug bundle as the proxy can make it, for the button on the page."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, SecretStr

from common import known_secrets
from common.redaction import BLOT
from proxy import __version__
from proxy.api.endpoint import Endpoint, validated
from proxy.bundle.archive import Archive
from proxy.bundle.calls import COUNT, calls_of
from proxy.settings import ProxySettings
from proxy.timeline.publisher import verdicts_as_json
from proxy.timeline.store.errors import StoreError
from proxy.timeline.timeline import Timeline
from proxy.verdicts.history import History
from proxy.verdicts.judge import judge
from proxy.verdicts.system_health import SystemHealth

PACKAGES = ("aiohttp", "livekit-api", "livekit-agents", "letta-client", "sqlalchemy")


class BundleQuery(BaseModel):
    """Whether what was said in the calls is left in."""

    transcripts: Literal["0", "1"] = "0"


class Bundle:
    """Handler of the route; one bundle at a time."""

    def __init__(
        self, settings: ProxySettings, timeline: Timeline, health: Callable[[], SystemHealth]
    ) -> None:
        self._settings = settings
        self._timeline = timeline
        self._health = health
        self._lock = asyncio.Lock()
        self.endpoints = [
            Endpoint(
                "GET",
                "/api/bundle",
                self.get,
                "A bug report as a zip, without secrets; ?transcripts=1 leaves in what was said.",
                "application/zip",
                query=BundleQuery,
            )
        ]

    async def get(self, request: web.Request) -> web.Response:
        transcripts = validated(BundleQuery, request.query).transcripts == "1"
        async with self._lock:
            calls, trouble = await self._calls()
            health = self._health()
            # Looking for secrets in all logs takes a second or two.
            data = await asyncio.to_thread(self._made, transcripts, calls, trouble, health)
        name = time.strftime("voice-report-%Y%m%d-%H%M%S.zip")
        return web.Response(
            body=data,
            content_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _made(
        self, transcripts: bool, calls: list[dict[str, Any]], trouble: str, health: SystemHealth
    ) -> bytes:
        folder = self._settings.process_status_dir
        home = folder.parent if folder is not None else None
        archive = Archive(self._settings.redactor(), transcripts=transcripts)
        archive.add_calls(calls, trouble)
        verdict = judge(History(), health, time.time())["system"]
        archive.add_json("health.json", {"verdict": asdict(verdict), **asdict(health)})
        archive.add_json("settings.json", self._settings_in_use())
        archive.add_json("versions.json", _versions())
        system = [event.as_json() for event in self._timeline.system_events]
        archive.add_json("system-events.json", system)
        if home is not None and folder is not None:
            archive.add_home(home / "logs", folder)
        else:
            archive.add_text("logs/README.txt", "No launcher runs here: the logs are elsewhere.\n")
        sentence = f"{verdict.state}: {verdict.sentence} {verdict.next}"
        return archive.bytes("the page", sentence)

    async def _calls(self) -> tuple[list[dict[str, Any]], str]:
        """The last calls: those in memory, which are newest, and those of the database."""
        live = {
            call.id: {
                "call": call.row(),
                "events": [event.as_json() for event in call.history],
                "verdicts": verdicts_as_json(self._timeline.publisher.of_call(call))
                if call.open
                else call.stored_verdicts or [],
            }
            for call in self._timeline.calls
        }
        kept: dict[str, dict[str, Any]] = {}
        trouble = ""
        try:
            kept = {each["call"]["id"]: each for each in await calls_of(self._timeline.queue.store)}
        except StoreError as error:
            trouble = f"The calls database cannot be read: {error.detail}."
        newest = sorted({**kept, **live}.values(), key=lambda each: -each["call"]["started"])
        return newest[:COUNT], trouble

    def _settings_in_use(self) -> Mapping[str, Any]:
        """The proxy's settings; of others it knows what the launcher gave to all."""
        known = {}
        for name in type(self._settings).model_fields:
            value = getattr(self._settings, name)
            text = str(value) if isinstance(value, Path) else value
            known[name.upper()] = BLOT if isinstance(value, SecretStr) else text
        return {
            name: BLOT if isinstance(value, str) and known_secrets.is_secret(name, value) else value
            for name, value in known.items()
        }


def _versions() -> dict[str, str]:
    found = {"voice system": __version__, "python": platform.python_version()}
    found["machine"] = f"{platform.system()} {platform.release()} {platform.machine()}"
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed here"
    return found
