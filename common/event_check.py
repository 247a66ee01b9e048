"""Whether an event is as the table has it, and what of it is. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from common.event_table import EVENTS


class UnknownEvent(AssertionError):
    """An event of ours that the table does not have, or has otherwise."""


strict = False
"""Tests switch it on: then an event of ours that differs from the table is an error. A call never
fails by its own bookkeeping, so elsewhere nothing is checked."""


def require(source: str, topic: str, data: Mapping[str, Any]) -> None:
    """Raise `UnknownEvent` when `strict` and the event differs from the table."""
    if strict and (wrong := list(differences(source, topic, data))):
        raise UnknownEvent(f"{topic} of {source}: {'; '.join(wrong)} (see common/event_table.py)")


def differences(
    source: str, topic: str, data: Mapping[str, Any], *, whole: bool = True
) -> Iterator[str]:
    """A sentence for each way in which an event differs from the table; `whole`: no required key
    may be missing."""
    event_type = EVENTS.get(topic)
    if event_type is None:
        yield "no such event"
        return
    if source not in event_type.sources:
        yield f"it comes from {' or '.join(event_type.sources)}"
    for key, value in data.items():
        if key == CUT:
            continue
        if key not in event_type.data:
            if not event_type.open:
                yield f"its data has no {key!r}"
        elif not (_json_types(value) & set(event_type.data[key].types)):
            yield f"{key} is {value!r}, not {' or '.join(event_type.data[key].types)}"
    if whole and CUT not in data:
        for key, data_field in event_type.data.items():
            if data_field.required and key not in data:
                yield f"its data lacks {key!r}"


def readable(topic: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """`data` without the values that are not of the type that the table gives them."""
    event_type = EVENTS.get(topic)
    if event_type is None:
        return data
    wrong = {
        key
        for key, value in data.items()
        if key in event_type.data and not (_json_types(value) & set(event_type.data[key].types))
    }
    return {key: value for key, value in data.items() if key not in wrong} if wrong else data


CUT = "cut"
"""A key of every event's data: why something of it was left out."""


def _json_types(value: object) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"} if math.isfinite(value) else set()
        case str():
            return {"string"}
        case list() | tuple():
            return {"array"}
        case dict():
            return {"object"}
    return set()
