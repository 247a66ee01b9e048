"""Files that only their owner can read, since they hold secrets; among them the generated key of
our own livekit-server. Each is written whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

LIVEKIT_KEY = "livekit.key"


def write(path: Path, text: str) -> None:
    """Write `text` to `path`, mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def livekit_key(home: Path) -> tuple[str, str]:
    """Key and secret of this VOICE_HOME, made on first use; several processes may ask at once."""
    path = home / LIVEKIT_KEY
    if not path.exists():
        part = home / f"{LIVEKIT_KEY}.{os.getpid()}"
        write(part, f"APIdev{secrets.token_hex(6)}: {secrets.token_urlsafe(36)}\n")
        # The first one to link wins; everybody reads that one.
        with suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    key, _, secret = path.read_text().strip().partition(": ")
    return key, secret
