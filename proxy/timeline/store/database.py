"""Which database the calls are kept in, and opening it without keeping the loop waiting.

SQLAlchemy takes half a second to import, so only `_load` does it, in a thread.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.settings import ProxySettings
from proxy.timeline.background import in_daemon_thread
from proxy.timeline.store.errors import as_store_error

if TYPE_CHECKING:
    from proxy.timeline.store.store import Store


@dataclass(frozen=True)
class DatabaseUrl:
    """A file of SQLite (`path`) or a Postgres (`postgres`); one of the two is set.

    `folder` is a temporary one that holds the file, and is deleted by `close`.
    """

    path: Path | None = None
    postgres: str = ""
    folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def shown(self) -> str:
        """The address without user and password."""
        if self.path is not None:
            return str(self.path)
        parts = urlsplit(self.postgres)
        host = parts.netloc.rpartition("@")[2]
        return f"postgresql://{host}{parts.path}"

    @property
    def setting(self) -> str:
        """The setting by which people choose another one."""
        return "DATABASE_URL" if self.path is None else "CALLS_DATABASE"

    def close(self) -> None:
        if self.folder is not None:
            self.folder.cleanup()


def database_url_of(settings: ProxySettings) -> DatabaseUrl:
    """Where `settings` say that calls are kept; without any, only as long as the proxy runs."""
    if settings.database_url is not None:
        scheme, rest = settings.database_url.get_secret_value().split("://", 1)
        return DatabaseUrl(postgres=f"{scheme.partition('+')[0]}://{rest}")
    if settings.calls_database is not None:
        return DatabaseUrl(path=settings.calls_database.expanduser().absolute())
    folder = tempfile.TemporaryDirectory(prefix="voice-calls-", ignore_cleanup_errors=True)
    return DatabaseUrl(path=Path(folder.name) / "calls.db", folder=folder)


async def open_store(url: DatabaseUrl) -> Store:
    """The store at `url`, of the present schema; `StoreError` says why there is none."""
    store = await in_daemon_thread(lambda: _load(url))
    try:
        await store.prepare()
    except BaseException:
        await store.aclose()
        raise
    return store


def _load(url: DatabaseUrl) -> Store:
    from proxy.timeline.store.store import Store

    with as_store_error(url):
        return Store(url)
