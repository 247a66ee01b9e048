"""Where the calls are kept: a file of SQLite, or a Postgres."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from proxy.settings import ProxySettings


@dataclass(frozen=True)
class Location:
    """Either `path` or `postgres` is set; `folder` is one to be deleted at the end."""

    path: Path | None = None
    postgres: str = ""
    folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def shown(self) -> str:
        """The address without user and password."""
        if self.path is not None:
            return str(self.path)
        address = urlsplit(self.postgres)
        host = address.netloc.rpartition("@")[2]
        return f"postgresql://{host}{address.path}"

    @property
    def setting(self) -> str:
        return "DATABASE_URL" if self.path is None else "CALLS_DATABASE"

    def close(self) -> None:
        if self.folder is not None:
            self.folder.cleanup()


def location_of(settings: ProxySettings) -> Location:
    """Where `settings` say that calls are kept; without any, only as long as the proxy runs."""
    if settings.database_url is not None:
        scheme, rest = settings.database_url.get_secret_value().split("://", 1)
        return Location(postgres=f"{scheme.partition('+')[0]}://{rest}")
    if settings.calls_database is not None:
        return Location(path=settings.calls_database.expanduser().absolute())
    folder = tempfile.TemporaryDirectory(prefix="voice-calls-", ignore_cleanup_errors=True)
    return Location(path=Path(folder.name) / "calls.db", folder=folder)
