"""Rooms that only serve to try the way to the LiveKit server: they are no calls."""

ROOM_PREFIX = "connection-test-"


def is_probe(room: str) -> bool:
    """Whether nothing of `room` belongs into a timeline."""
    return room.startswith(ROOM_PREFIX)
