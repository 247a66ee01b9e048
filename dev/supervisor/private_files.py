"""Files that only their owner can read, since they hold secrets; among them the generated key of
our own livekit-server. Each is written whole or not at all."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from dev.services import CHECKOUT

LIVEKIT_KEY = "livekit.key"
LETTA_TOKEN = "letta.token"
FOLDERS = ("run", "logs")
UMASK = 0o077  # of launchers and their programs: what they write is their user's alone


def folder(path: Path) -> None:
    """Make a folder that only its owner can enter; one that is there and open to others is closed.

    Left as it is: a folder of somebody else, one that all may write to (/tmp), and the person's
    home or the checkout itself, when VOICE_HOME names such a place.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = path.stat()
    shared = seen.st_mode & stat.S_ISVTX or path.resolve() in (Path.home().resolve(), CHECKOUT)
    if seen.st_mode & 0o077 and seen.st_uid == os.getuid() and not shared:
        path.chmod(0o700)


def state_folders(home: Path) -> None:
    """Make VOICE_HOME and what the launchers keep there, private."""
    folder(home)
    for name in FOLDERS:
        folder(home / name)


def exposed_dotenv() -> str | None:
    """What is wrong, and what to do, when `.env` shows its secrets to other users."""
    dotenv = CHECKOUT / ".env"
    try:
        # Imported here, since a launcher must run whatever is broken outside of this folder.
        from common.known_secrets import exposed

        sentence = exposed(dotenv)
    except Exception:  # any code may raise anything when it is loaded; the launchers say what
        return None
    return sentence and f"{sentence}: chmod 600 {dotenv}"


def write(path: Path, text: str) -> None:
    """Write `text` to `path`, mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def livekit_key(home: Path) -> tuple[str, str]:
    """Key and secret of this VOICE_HOME, made on first use."""
    fresh = f"APIdev{secrets.token_hex(6)}: {secrets.token_urlsafe(36)}"
    key, _, secret = _made_once(home / LIVEKIT_KEY, fresh).partition(": ")
    return key, secret


def letta_token(home: Path) -> str:
    """What our own App Server of Letta wants from whoever talks to it, made on first use."""
    return _made_once(home / LETTA_TOKEN, secrets.token_urlsafe(36))


def _made_once(path: Path, fresh: str) -> str:
    """The line in a file, `fresh` if there is none; several processes may ask at once."""
    if not path.exists():
        part = path.with_name(f"{path.name}.{os.getpid()}")
        write(part, f"{fresh}\n")
        # The first one to link wins; everybody reads that one.
        with suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    return path.read_text().strip()
