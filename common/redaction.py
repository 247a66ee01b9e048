"""Blots secrets out of what leaves this machine or is written down. Standard library only.

A secret is found by its value, when that is known (as it is, percent-encoded, escaped, in base64 or
hexadecimal, also one within the other, also cut off), and by its form: JWTs, keys of known
providers, Authorization headers, passwords in addresses, `access_token=…`, `"api_key": "…"`.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote_to_bytes

BLOT = "***"
SHORTEST = 4
"""Characters of a value that is looked for; anything shorter is in every second word."""
WORD = 8
"""A secret shorter than this is looked for as a word of its own only."""
PART = 10
"""So many first or last characters of a long secret are a secret themselves: lines are cut."""
SEEN_MAX = 10_000
DEPTH = 3
"""Encodings within one another that are looked through."""

_UNSEEN = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\ufeff]")
_ENCODED = re.compile(r"[A-Za-z0-9+/_%\-=]{12,}")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_JWT = r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"
_PROVIDERS = (
    r"\b(?:sk|rk|pk)-[\w-]{12,}|\bgsk_\w{16,}|\bhf_\w{16,}|\bgh[pousr]_\w{16,}|\bxox[abprs]-[\w-]{10,}"
    r"|\bAIza[\w-]{30,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAPI[A-Za-z0-9]{10,}\b"
)
_PEM = r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
_STRONG = re.compile(f"{_JWT}|{_PROVIDERS}|{_PEM}", re.DOTALL)
"""What is a secret wherever it stands, also inside of an encoding."""
SHORT_NAMES = r"pass|pwd|pw|pin|creds?|psk|pat|otp"
"""Names of secrets as words of their own: `SMTP_PASS`, but not `BYPASS`."""
_NAMES = (
    r"[\w-]*(?:api[_-]?key|secret[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|secret|"
    r"password|passwd|passphrase|passcode|credentials?|"
    r"(?:access|refresh|auth|bearer|session|id|api)[_-]?token)"
)
_SHORT = rf"\w+_(?:{SHORT_NAMES})"
_VAGUE = r"[\w-]*_key|[\w-]*_token|token|key|pwd|jwt|signature|sig"
"""Names of secrets, and of much else: `token: expired`."""
_ASSIGN = r"""\\?["']?\s*(?:=|:(?!//)|=>)\s*(?:b(?=["']))?\\?["']?"""
_VALUE = r"""[^\s"'&,;<>(){}\[\]\\*]"""
_SHORT_ASSIGN = r"""(?:\s*=\s*|\\?["']\s*:\s*)\\?["']?"""
"""After a short name only what is surely an assignment: `SMTP_PASS=…`, not `first_pass: done`."""
_ASSIGNED = re.compile(
    rf"(?P<before>(?<![\w-])(?:{_NAMES}){_ASSIGN}|(?<=\w_)(?:{SHORT_NAMES}){_SHORT_ASSIGN}|"
    rf"[?&;](?:{_VAGUE})=)(?P<value>{_VALUE}{{3,}})"
    rf"|(?P<vague>(?<![\w-])(?:{_VAGUE}){_ASSIGN})(?=[^\s\"']*\d)(?P<long>{_VALUE}{{16,}})",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"""(?P<before>\b(?:proxy-)?authorization\b|\bx-[\w-]*(?:key|token|password|secret)\b|"""
    r"""\bapi-key\b|\b(?:set-)?cookie\b)(?P<between>\\?["']?\s*[:=,]\s*(?:b(?=["']))?\\?["']?)"""
    r"""(?P<value>[^"'\r\n\\}{\]\[]{2,})""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(?P<before>bearer|basic)\s+(?P<value>[\w.~+/=-]{8,})", re.IGNORECASE)
_USERINFO = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://)(?P<value>[^\s/?#\"'<>]+)@", re.I)
_SECRET_NAME = re.compile(
    rf"(?:{_NAMES}|{_SHORT}|pass|pwd|psk|token|jwt|authorization|(?:set-)?cookie|x-[\w-]*key)",
    re.IGNORECASE,
)
_NUMBER_MIN = 6
"""Figures of a secret that is a number: fewer are in every second line."""
_PLAIN = re.compile(r"[\d.,:\-+]*|true|false|null|none|yes|no", re.IGNORECASE)


class Redactor:
    """Knows `secrets` and the forms of others; `text` and `data` return what may be shown."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {part for secret in secrets for part in _parts(secret)}
        # The longest first: a short secret may be part of a long one.
        ordered = sorted(known, key=len, reverse=True)
        # First what is whole: what is cut off would match its beginning.
        whole = [way for secret in ordered for way in _whole(secret)]
        pieces = [piece for secret in ordered for piece in _pieces(secret)]
        # A text is looked through for a sign of each, since trying each pattern everywhere is slow.
        self._known = [(sign.lower(), re.compile(p, re.DOTALL)) for sign, p in (*whole, *pieces)]
        self._seen: dict[str, bool] = {}
        cores = sorted({core for secret in known for core in _base64_cores(secret)}, key=len)
        self._base64 = _any(re.escape(core[:24]) for core in cores)

    def text(self, text: str) -> str:
        """`text` without secrets, and without characters that cannot be seen."""
        text = _UNSEEN.sub("", text)
        small = text.lower()
        for sign, pattern in self._known:
            if sign in small:
                text = pattern.sub(BLOT, text)
        text = _STRONG.sub(BLOT, text)
        text = _ENCODED.sub(self._encoded, text)
        text = _USERINFO.sub(rf"\g<before>{BLOT}@", text)
        text = _HEADER.sub(rf"\g<before>\g<between>{BLOT}", text)
        text = _SCHEME.sub(rf"\g<before> {BLOT}", text)
        return _ASSIGNED.sub(_unless_plain, text)

    def data(self, value: Any) -> Any:
        """A value of JSON without secrets: its texts, its names, and all that a name calls one."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {
                    self.text(str(name)): BLOT
                    if isinstance(inner, str) and inner and is_secret_name(str(name))
                    else self.data(inner)
                    for name, inner in value.items()
                }
            case list() | tuple():
                return [self.data(inner) for inner in value]
            case _:
                return value

    def knows(self, text: str) -> bool:
        """Whether a known secret, or what is one by its form, is in `text`."""
        small = text.lower()
        return any(sign in small and p.search(text) for sign, p in self._known) or any(
            p.search(text) for p in (self._base64, _STRONG)
        )

    def _encoded(self, match: re.Match[str]) -> str:
        run = match[0]
        if run not in self._seen:
            if len(self._seen) >= SEEN_MAX:
                self._seen.clear()
            hides = self._base64.search(run) is not None or self._hides(run, DEPTH)
            self._seen[run] = hides
        return BLOT if self._seen[run] else run

    def _hides(self, run: str, depth: int) -> bool:
        """Whether `run` is an encoding of something with a secret in it."""
        for decoded in _decodings(run):
            if self.knows(decoded):
                return True
            if depth > 1 and any(
                self._hides(inner, depth - 1) for inner in _ENCODED.findall(decoded)
            ):
                return True
        return False


def is_secret_name(name: str) -> bool:
    """Whether a setting, a header or a field of this name holds a secret."""
    return _SECRET_NAME.fullmatch(name) is not None


def _unless_plain(match: re.Match[str]) -> str:
    """Numbers and truths are no secrets, whatever their name: `api_token: null`."""
    if match["vague"]:
        return str(match["vague"]) + BLOT
    return match[0] if _PLAIN.fullmatch(match["value"]) else match["before"] + BLOT


def _parts(secret: str) -> Iterator[str]:
    """The secret, and its lines: a log has one a line."""
    for part in {secret, secret.strip(), *map(str.strip, secret.splitlines())}:
        if len(part) < SHORTEST or (_PLAIN.fullmatch(part) and not _is_long_number(part)):
            continue
        yield part


def _is_long_number(text: str) -> bool:
    return text.isdecimal() and len(text) >= _NUMBER_MIN


def _whole(secret: str) -> Iterator[tuple[str, str]]:
    """Every way to write `secret` so that it can still be read: a sign of it, and its pattern."""
    escaped = json.dumps(secret)[1:-1]
    ways = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        escaped,
        escaped.replace("/", r"\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        html.escape(secret),
    }
    for way in sorted(ways, key=len, reverse=True):
        if len(secret) < WORD or secret.isdecimal():
            yield way, rf"(?<![A-Za-z0-9_]){re.escape(way)}(?![A-Za-z0-9_])"
        else:
            # In any case: names of hosts are written small, hexadecimal figures large.
            yield way, f"(?i:{re.escape(way)})"


def _pieces(secret: str) -> Iterator[tuple[str, str]]:
    """A long secret whose end, or beginning, was cut off: a sign of it, and its pattern."""
    if len(secret) >= 2 * PART:
        yield secret[:PART], _beginning(secret, PART)
        yield secret[-PART:], rf"[^\s\"'=]{{0,{len(secret)}}}{re.escape(secret[-PART:])}"


def _beginning(text: str, least: int) -> str:
    """A regular expression of the first `least` characters of `text` and any that follow there."""
    step = 1 + len(text) // 80  # a group within a group for each: no more than is bearable
    rest = [re.escape(text[at : at + step]) for at in range(least, len(text), step)]
    following = ""
    for step_text in reversed(rest):
        following = f"(?:{step_text}{following})?"
    return re.escape(text[:least]) + following


def _base64_cores(secret: str) -> Iterator[str]:
    """What stands in the base64 of any text with `secret` in it, wherever in it that is."""
    raw = secret.encode()
    if len(raw) < WORD:
        return
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw).decode().rstrip("=")
        first = (offset * 8 + 5) // 6
        last = (offset + len(raw)) * 8 // 6
        core = encoded[first:last]
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _decodings(run: str) -> Iterator[str]:
    """What `run` could be the encoding of."""
    if "%" in run:
        yield unquote_to_bytes(run.replace("+", " ")).decode(errors="replace")
    bare = run.rstrip("=")
    if len(bare) % 2 == 0 and re.fullmatch(r"[0-9A-Fa-f]+", bare):
        yield bytes.fromhex(bare).decode(errors="replace")
    letters = bare.replace("-", "+").replace("_", "/")
    for piece in _NOT_BASE64.split(letters):
        for start in range(4 if len(piece) >= 16 else 0):
            part = piece[start : start + (len(piece) - start) // 4 * 4]
            try:
                decoded = base64.b64decode(part + _padded(piece[start + len(part) :]))
            except (binascii.Error, ValueError):
                continue
            yield decoded.decode(errors="replace")


def _padded(rest: str) -> str:
    return rest + "=" * (4 - len(rest)) if len(rest) >= 2 else ""


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    listed = list(patterns)
    return re.compile("|".join(listed), re.DOTALL) if listed else re.compile(r"(?!)")
