"""What Postgres writes into its postmaster.pid."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PidFile:
    """The lines that matter here; `started` is in seconds since the epoch, whole ones."""

    pid: int
    started: float
    socket_folder: Path | None
    ready: bool


def read(data: Path) -> PidFile | None:
    """None when there is no file, or when it is not one that Postgres has finished writing."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        socket_folder = Path(lines[4].strip()) if len(lines) > 4 and lines[4].strip() else None
        ready = len(lines) > 7 and lines[7].strip() == "ready"
        return PidFile(int(lines[0]), float(lines[2]), socket_folder, ready)
    except (FileNotFoundError, IndexError, ValueError):
        return None
