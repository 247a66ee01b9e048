"""The last calls out of the database, also while no proxy runs; nothing is made or changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from proxy.settings import ProxySettings
from proxy.timeline.store.database import database_url_of
from proxy.timeline.store.errors import StoreError, as_store_error

if TYPE_CHECKING:
    from proxy.timeline.store.store import Store

COUNT = 5
LIMIT_S = 6.0


async def last_calls(settings: ProxySettings) -> tuple[list[dict[str, Any]], str]:
    """The last calls, newest first, and why there are none or not all of them."""
    where = database_url_of(settings)
    try:
        if where.path is not None and not where.path.exists():
            return [], f"There is no calls database at {where.path}."
        from proxy.timeline.store.store import Store

        with as_store_error(where):
            store = Store(where)
        try:
            async with asyncio.timeout(LIMIT_S):
                return await calls_of(store), ""
        finally:
            await store.aclose()
    except StoreError as trouble:
        return [], f"The calls database cannot be read: {trouble.detail}."
    except TimeoutError:
        return [], f"The calls database {where.shown} did not answer within {LIMIT_S:g} s."
    finally:
        where.close()


async def calls_of(store: Store, count: int = COUNT) -> list[dict[str, Any]]:
    """The last calls of an open store, newest first."""
    found = []
    for row in await store.calls(count, None):
        whole = await store.call(row["id"]) or row
        events = [event.as_json() for event in await store.events_of(row["id"])]
        verdicts = whole.pop("verdicts", None) or []
        found.append({"call": whole, "events": events, "verdicts": verdicts})
    return found
