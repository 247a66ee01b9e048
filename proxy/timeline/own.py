"""Events that the proxy makes itself, of its own doing or of what the SFU reports."""

from __future__ import annotations

import time
import uuid
from typing import Any

from common import event_check
from common.events import Event, Source, Stage
from proxy.timeline.cutting import within_size


def own_event(
    room: str,
    stage: Stage,
    name: str,
    data: dict[str, Any],
    source: Source = "proxy",
    at: float | None = None,
    key: str | None = None,
) -> Event:
    """An event of now, with a key of its own, unless they are given."""
    event_check.require(source, f"{stage}.{name}", data)
    moment = time.time() if at is None else at
    return Event(moment, room, source, stage, name, within_size(data), key or uuid.uuid4().hex)
