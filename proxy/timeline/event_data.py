"""The data of an event: as JSON, cut to its size, and made into an event of the proxy's own."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from common import event_check
from common.events import Event, Source, Stage

EVENT_MAX_BYTES = 16 * 1024
DEPTH_MAX = 8
TRIES = ((4000, 100), (1000, 50), (200, 20), (60, 8))
"""How many characters of a text and items of a list are left, tried one after the other."""


def make_event(
    room: str,
    stage: Stage,
    name: str,
    data: dict[str, Any],
    source: Source = "proxy",
    at: float | None = None,
    key: str | None = None,
) -> Event:
    """An event of now (`at` in seconds since the epoch) with a key of its own, unless given."""
    event_check.require(source, f"{stage}.{name}", data)
    moment = time.time() if at is None else at
    return Event(moment, room, source, stage, name, truncate(data), key or uuid.uuid4().hex)


def to_json(value: Any) -> str:
    """`value` as JSON in few characters; ValueError for what JSON has no word for."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def truncate(data: dict[str, Any]) -> dict[str, Any]:
    """`data` itself, or what EVENT_MAX_BYTES can hold of it, with a note in `cut`."""
    whole = to_json(data)
    try:
        size = len(whole.encode())
    except UnicodeEncodeError:
        # Half a character (JavaScript cuts texts in the middle of one) can be sent to nobody.
        data = json.loads(whole.encode(errors="replace"))
        size = _size(data)
    if size <= EVENT_MAX_BYTES:
        return data
    note = f"{size} bytes were reported, {EVENT_MAX_BYTES} can be kept"
    for text_max, items_max in TRIES:
        shorter = {
            str(name)[:100]: _shortened(value, text_max, items_max, 0)
            for name, value in data.items()
        }
        shorter["cut"] = note
        if _size(shorter) <= EVENT_MAX_BYTES:
            return shorter
    return {"cut": note, "beginning": to_json(data)[: EVENT_MAX_BYTES // 8]}


def _size(data: dict[str, Any]) -> int:
    return len(to_json(data).encode())


def _shortened(value: Any, text_max: int, items_max: int, depth: int) -> Any:
    if isinstance(value, str):
        if len(value) <= text_max:
            return value
        return f"{value[:text_max]}… ({len(value)} characters)"
    if isinstance(value, list | dict) and depth >= DEPTH_MAX:
        return "…"
    if isinstance(value, list):
        kept = [_shortened(item, text_max, items_max, depth + 1) for item in value[:items_max]]
        return kept if len(value) <= items_max else [*kept, f"… ({len(value)} items)"]
    if isinstance(value, dict):
        few = list(value.items())[:items_max]
        return {
            str(name)[:100]: _shortened(item, text_max, items_max, depth + 1) for name, item in few
        }
    return value
