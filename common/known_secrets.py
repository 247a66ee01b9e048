"""Which values are secrets here: of the environment, `.env`, and the generated LiveKit key.

Standard library only, and content with whatever is broken: a malformed line of `.env` may hold a
secret all the same.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from common.redaction import SHORT_NAMES, Redactor, is_secret_name

FILE_MAX_BYTES = 256 * 1024
SECRET = re.compile(
    r"(?<!MON)KEY(?!BOARD|MAP|WORD|CLOAK|STONE|RING|FRAME)|SECRET|TOKEN(?!I[SZ])|PASS(?:W|PHRASE|CODE|KEY)|"
    rf"CREDENTIAL|AUTH(?!OR(?!I))|DSN|COOKIE|MNEMONIC|(?:^|_)(?:{SHORT_NAMES})\d*(?=_|$)",
    re.IGNORECASE,
)
"""Words in the name of a setting that holds a secret; short ones only as words of their own."""
NO_SECRET = re.compile(
    r"_(?:TIMEOUT|SOCK|FILE|DIR|PATH|URL|NAME|ID|ROUTE|PREFIX|HEADER|METHOD|MODE|TYPE|ALGORITHM|"
    r"HOST|PORT|USER|USERNAME|COUNT|LIMIT|LENGTH|SIZE|TTL|LIFETIME|ENABLED|REQUIRED)$|^PWD$",
    re.IGNORECASE,
)
"""Names of settings about a secret, or about the working directory."""
PASSWORD = re.compile(
    r"(?:^|_)(?:PASS|PWD|PIN|PW)\d*(?:_|$)|PASS(?:W|PHRASE|CODE)|SECRET", re.IGNORECASE
)
"""Names whose value may be nothing but figures and a secret all the same: `MAX_TOKENS` is not."""
NUMBER = re.compile(r"[\d.,:+-]+")
ROOTS = (
    *("bin", "boot", "dev", "etc", "home", "lib", "media", "mnt", "opt", "proc", "root", "run"),
    *("sbin", "srv", "sys", "tmp", "usr", "var", "Applications", "Library", "Users", "Volumes"),
)
"""Folders with which the path of a file begins, here or on another machine."""
ASSIGNMENT = re.compile(r"\s*(?:#\s*)?(?:export\s+)?(?P<name>[\w.-]+)\s*[=:]\s*(?P<value>.*)")
SETTING = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")
PART = re.compile(r"(?P<name>\w[\w .-]*?)\s*=\s*(?P<value>'[^']*'|\"[^\"]*\"|[^;&\s]+)")
"""One part of a connection string: `Password=…;` or `password=… `."""
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
    secrets = {*more, *_of_environ(environ)}
    if dotenv is not None:
        secrets.update(_of_dotenv(_read(dotenv)))
    if home is not None:
        for pattern, name in ((PAIR, LIVEKIT_KEY), (KEYS, LIVEKIT_CONFIG)):
            for pair in pattern.findall(_read(home / name)):
                secrets.update(pair)
    return Redactor(secrets)


def is_secret(name: str, value: str) -> bool:
    """Whether a setting of this name and value holds a secret; an address or a connection string
    may hold one whatever its name is."""
    return bool(value) and (_is_whole_secret(name, value) or any(_inside(value)))


def names_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret, whatever its value is."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]+", "_", name)
    return bool(SECRET.search(words)) and not NO_SECRET.search(words)


def assignments(dotenv: Path) -> Iterator[tuple[int, str, str]]:
    """The lines of this file that set something, as far as they can be read without a package:
    line, name and value. A line that should set something, and does not, has no name."""
    for number, line in enumerate(_read(dotenv).removeprefix("\ufeff").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        parts = SETTING.fullmatch(text)
        name, value = (parts["name"], parts["value"]) if parts is not None else ("", text)
        yield number, name, value.partition(" #")[0].strip().strip("\"'")


def holds_secrets(dotenv: Path) -> list[str]:
    """The names of the settings in this file whose values are secrets, as they stand in it."""
    return [name for _, name, value in assignments(dotenv) if name and is_secret(name, value)]


def exposed(dotenv: Path) -> str | None:
    """A sentence when this file holds secrets and other users of this machine may read it."""
    try:
        mode = stat.S_IMODE(dotenv.stat().st_mode)
    except OSError:
        return None
    names = holds_secrets(dotenv) if mode & 0o077 else []
    if not names:
        return None
    return (
        f"{dotenv.name} holds {', '.join(names)}, and other users of this machine may read it "
        f"(mode {mode:04o})"
    )


def _is_whole_secret(name: str, value: str) -> bool:
    return names_secret(name) and not _is_path(value)


def _is_path(value: str) -> bool:
    """Whether a value that begins with "/" names a file: many secrets in base64 begin so."""
    if not value.startswith("/"):
        return False
    first = value.split("/")[1]
    return first in ROOTS or (bool(first) and Path("/", first).is_dir())


def _of_environ(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        number = NUMBER.fullmatch(value) and not PASSWORD.search(name)
        if _is_whole_secret(name, value) and not number:
            yield value
        yield from _inside(value)


def _inside(value: str) -> Iterator[str]:
    """The secrets in an address, a connection string or a piece of JSON."""
    yield from _of_address(value)
    if value.startswith("{"):
        yield from _of_json(value)
    else:
        for part in PART.finditer(value):
            if is_secret_name(part["name"].strip().replace(" ", "_")):
                yield part["value"].strip("\"'")


def _of_address(value: str) -> Iterator[str]:
    """The password of an address, as it stands there and as it is meant; what its query calls a
    secret."""
    if "://" not in value:
        return
    try:
        address = urlsplit(value)
        secret = address.password or (address.username if not address.password else None)
    except ValueError:
        return
    if secret:
        yield secret
        yield unquote(secret)
    for name, text in parse_qsl(address.query):
        if is_secret_name(name):
            yield text


def _of_json(value: str) -> Iterator[str]:
    def look(name: str, data: Any) -> Iterator[str]:
        if isinstance(data, dict):
            for key, inner in data.items():
                yield from look(key, inner)
        elif isinstance(data, list):
            for inner in data:
                yield from look(name, inner)
        elif isinstance(data, str) and is_secret_name(name):
            yield data

    try:
        yield from look("", json.loads(value))
    except (ValueError, RecursionError):
        return


def _of_dotenv(text: str) -> Iterator[str]:
    for line in text.splitlines():
        assignment = ASSIGNMENT.match(line)
        if assignment is None or not assignment["value"].strip("= "):
            # No assignment, or a line of a key that ends with "=": what else may it be?
            if SECRET.search(line) or len(line.split()) == 1:
                yield from (
                    word for word in line.split() if not re.fullmatch(r"#?[A-Z0-9_]*=?", word)
                )
            continue
        value = assignment["value"].strip()
        forms = {value, value.strip("\"'"), value.partition(" #")[0].strip().strip("\"'")}
        for form in forms:
            yield from _of_environ({assignment["name"]: form})


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(FILE_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
