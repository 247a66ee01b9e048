"""Keeping an event to its size: what is longer is cut, and says so."""

from __future__ import annotations

import json
from typing import Any

EVENT_MAX_BYTES = 16 * 1024
DEPTH_MAX = 8
TRIES = ((4000, 100), (1000, 50), (200, 20), (60, 8))
"""How many characters of a text and items of a list are left, tried one after the other."""


def packed(value: Any) -> str:
    """`value` as JSON in few characters; ValueError for what JSON has no word for."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def within_size(data: dict[str, Any]) -> dict[str, Any]:
    """`data`, or when it is too long what can be kept of it, with a note in `cut`."""
    whole = packed(data)
    try:
        size = len(whole.encode())
    except UnicodeEncodeError:
        # Half a character (JavaScript cuts texts in the middle of one) can be sent to nobody.
        data = json.loads(whole.encode(errors="replace"))
        size = _size(data)
    if size <= EVENT_MAX_BYTES:
        return data
    note = f"{size} bytes were reported, {EVENT_MAX_BYTES} can be kept"
    for text, items in TRIES:
        shorter = {str(key)[:100]: _cut(value, text, items, 0) for key, value in data.items()}
        shorter["cut"] = note
        if _size(shorter) <= EVENT_MAX_BYTES:
            return shorter
    return {"cut": note, "beginning": packed(data)[: EVENT_MAX_BYTES // 8]}


def _size(data: dict[str, Any]) -> int:
    return len(packed(data).encode())


def _cut(value: Any, text: int, items: int, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= text else f"{value[:text]}… ({len(value)} characters)"
    if isinstance(value, list | dict) and depth >= DEPTH_MAX:
        return "…"
    if isinstance(value, list):
        kept = [_cut(each, text, items, depth + 1) for each in value[:items]]
        return kept if len(value) <= items else [*kept, f"… ({len(value)} items)"]
    if isinstance(value, dict):
        few = list(value.items())[:items]
        return {str(key)[:100]: _cut(each, text, items, depth + 1) for key, each in few}
    return value
