"""The proxy's log lines: as JSON, with the room, and without secrets."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from common import logs
from common.logs import formatter

SECRET = 'a"secret-of-livekit'


def told(message: str, error: Exception | None = None) -> dict[str, Any]:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("proxy", logging.ERROR, "f", 1, message, (), exc_info)
    line = formatter("json", [SECRET], "proxy").format(record)
    assert "\n" not in line
    assert "secret-of-livekit" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_of_json_has_all_and_no_secret() -> None:
    try:
        raise ValueError(f"{SECRET} is wrong")
    except ValueError as error:
        line = told(f"it failed\nwith {SECRET}", error)
    assert line["time"].endswith("Z")
    assert (line["level"], line["process"], line["logger"]) == ("ERROR", "proxy", "proxy")
    assert line["message"] == "it failed\nwith ***"
    assert line["error"].endswith("ValueError: *** is wrong")


async def test_a_task_and_those_it_begins_are_about_a_room() -> None:
    async def begun() -> dict[str, Any]:
        return told("words")

    async def request() -> dict[str, Any]:
        logs.about("r", "AJ_1")
        return await asyncio.create_task(begun())

    line = await asyncio.create_task(request())
    assert (line["room"], line["job"]) == ("r", "AJ_1")
    assert "room" not in await asyncio.create_task(begun())
