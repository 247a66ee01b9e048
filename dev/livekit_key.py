"""The generated key and secret of our own livekit-server: made once, kept in
VOICE_HOME/livekit.key, mode 0600."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from dev import private_file

FILE = "livekit.key"


def generated(home: Path) -> tuple[str, str]:
    """Key and secret of this VOICE_HOME; several processes may ask for the first one at once."""
    path = home / FILE
    if not path.exists():
        part = home / f"{FILE}.{os.getpid()}"
        private_file.write(part, f"APIdev{secrets.token_hex(6)}: {secrets.token_urlsafe(36)}\n")
        # The first one to link wins; everybody reads that one.
        with suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    key, _, secret = path.read_text().strip().partition(": ")
    return key, secret
