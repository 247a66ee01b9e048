"""Which values are secrets here: of the environment, `.env`, and the generated LiveKit key.

Standard library only, and content with whatever is broken: a malformed line of `.env` may hold a
secret all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from common.redaction import Redactor

FILE_MAX_BYTES = 256 * 1024
SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL|AUTH|DSN|COOKIE", re.IGNORECASE)
NO_SECRET = re.compile(r"_(?:TIMEOUT|SOCK|FILE|DIR|PATH|URL|NAME|ID)$", re.IGNORECASE)
ASSIGNMENT = re.compile(r"\s*(?:#\s*)?(?:export\s+)?(?P<name>\w+)\s*[=:]\s*(?P<value>.*)")
LIVEKIT_KEY, LIVEKIT_CONFIG = "livekit.key", "livekit.yaml"
PAIR = re.compile(r"(?P<key>\S+): (?P<secret>\S+)")
KEYS = re.compile(r""""keys"\s*:\s*\{\s*"(?P<key>[^"]+)"\s*:\s*"(?P<secret>[^"]+)""")
"""In the configuration, which is JSON."""


def redactor(
    environ: Mapping[str, str],
    dotenv: Path | None = None,
    home: Path | None = None,
    more: Iterable[str] = (),
) -> Redactor:
    """One that knows every secret of this environment, this `.env` and this VOICE_HOME, and
    `more`."""
    found = {*more, *_of_environ(environ)}
    if dotenv is not None:
        found.update(_of_dotenv(_read(dotenv)))
    if home is not None:
        for pattern, name in ((PAIR, LIVEKIT_KEY), (KEYS, LIVEKIT_CONFIG)):
            for pair in pattern.findall(_read(home / name)):
                found.update(pair)
    return Redactor(found)


def is_secret(name: str, value: str) -> bool:
    """Whether a setting of this name and value holds a secret; addresses may hold one as well."""
    named = SECRET.search(name) and not NO_SECRET.search(name) and not value.startswith("/")
    return bool(named) or any(_of_address(value))


def _of_environ(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if SECRET.search(name) and not NO_SECRET.search(name) and not value.startswith("/"):
            yield value
        yield from _of_address(value)


def _of_address(value: str) -> Iterator[str]:
    """The password of an address, as it stands there and as it is meant."""
    if "@" not in value or "://" not in value:
        return
    try:
        address = urlsplit(value)
    except ValueError:
        return
    secret = address.password or (address.username if not address.password else None)
    if secret:
        yield secret
        yield unquote(secret)


def _of_dotenv(text: str) -> Iterator[str]:
    for line in text.splitlines():
        found = ASSIGNMENT.match(line)
        if found is None:
            if SECRET.search(line) or len(line.split()) == 1:  # no assignment, but what else?
                yield from (word for word in line.split() if not re.fullmatch(r"#?[A-Z_]*", word))
            continue
        value = found["value"].strip()
        forms = {value, value.strip("\"'"), value.partition(" #")[0].strip().strip("\"'")}
        for form in forms:
            yield from _of_environ({found["name"]: form})


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(FILE_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
