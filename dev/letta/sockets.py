"""The folder of Postgres' Unix socket: its path must be short, however deep the checkout lies."""

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from dev.letta.console import Problem

# sun_path of a Unix socket's address holds 108 bytes with its closing zero, on macOS 104.
SOCKET_BYTES = 107 if sys.platform == "linux" else 103
SOCKET_NAME = ".s.PGSQL.5432"
LAST_RESORT = "/tmp"


def socket_folder(folder: Path, owners: set[int]) -> tuple[Path, bool]:
    """Where the socket lies, and whether that is a temporary folder: beside the data when its path
    is short enough for a socket's address, else a private folder under a short path."""
    beside = folder / "socket"
    if fits(beside):
        beside.mkdir(mode=0o700, exist_ok=True)
        beside.chmod(0o700)
        return beside, False
    name = f"voice-letta-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    tried = []
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), LAST_RESORT):
        short = Path(base, name) if base else None
        if short is None or not fits(short):
            continue
        try:
            short.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            tried.append(f"{short}: {error.strerror}")
            continue
        seen = short.lstat()
        # Somebody else may have made it first, in a folder that everybody may write to.
        if stat.S_ISDIR(seen.st_mode) and seen.st_uid in owners:
            short.chmod(0o700)
            return short, True
        tried.append(f"{short}: belongs to somebody else")
    raise Problem(
        f"the path {beside} is too long for a Unix socket ({SOCKET_BYTES} bytes), and no short "
        f"folder can be had for it ({'; '.join(tried) or 'TMPDIR is too long, too'}): set "
        f"VOICE_HOME to a shorter path"
    )


def fits(sockets: Path) -> bool:
    """Whether a socket in this folder has an address short enough."""
    return len(os.fsencode(sockets / SOCKET_NAME)) <= SOCKET_BYTES
