"""Opening the calls database without keeping the loop waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.timeline.location import Location
from proxy.timeline.store.aside import aside

if TYPE_CHECKING:
    from proxy.timeline.store.store import Store


async def open_store(location: Location) -> Store:
    """The store at `location`, of the present schema; `StoreTrouble` says why there is none."""
    store = await aside(lambda: _load(location))
    try:
        await store.prepare()
    except BaseException:
        await store.aclose()
        raise
    return store


def _load(location: Location) -> Store:
    # SQLAlchemy takes half a second to import, which the first requests need not wait for.
    from proxy.timeline.store.failures import as_trouble
    from proxy.timeline.store.store import Store

    with as_trouble(location):
        return Store(location)
