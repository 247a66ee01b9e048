"""The file `.env`: read whole and exactly, or refused with the line that is wrong.

python-dotenv's `dotenv_values` tells neither lines nor what is malformed, so its parser is used,
which its documentation does not name: `dotenv.parser.parse_stream`, `dotenv.variables`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from dotenv.variables import parse_variables

from common import known_secrets

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SETTING = re.compile(r"((?:export\s+)?[\w.-]*)(\s*[=:]?\s*)(.*)")
"""A line as it was probably meant: a name, what should be an equals sign, and a value."""


@dataclass
class DotEnv:
    """What `.env` says: values, the line each comes from, and what is wrong in it."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def read(path: Path, exported: Mapping[str, str]) -> DotEnv:
    """Read `path`; `${NAME}` in a value means the variable of the file so far, or else the
    exported one."""
    result = DotEnv()
    raw: dict[str, str | None] = {}
    try:
        with path.open(encoding="utf-8-sig") as file:
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return result
    except (OSError, UnicodeDecodeError) as error:
        result.errors.append(
            f"{path.name} cannot be read: {error}; make it a readable text file in UTF-8"
        )
        return result
    for binding in bindings:
        if wrong := _wrong(binding.key, binding.value, binding.error):
            if binding.key is None and not binding.error:
                continue  # a blank line or a comment
            shown = _shown(binding.original.string.strip())
            result.errors.append(
                f"{path.name} line {_line(binding)} {wrong}: {shown}; write it as NAME=value"
            )
        elif binding.key is not None:
            raw[binding.key] = binding.value
            result.lines[binding.key] = _line(binding)
    for name, value in raw.items():
        if value is not None:
            known = {**result.values, **exported}  # what the person exported wins
            parts = parse_variables(value)
            result.values[name] = "".join(part.resolve(known) for part in parts)
    return result


def _wrong(name: str | None, value: str | None, error: bool) -> str | None:
    if error:
        return "is malformed"
    if name is None:
        return "is empty"
    if value is None:
        return "has no '='"
    if not NAME.fullmatch(name):
        return f"has {name!r}, which is no name for a setting"
    return None


def _line(binding: Binding) -> int:
    """The line a statement begins on; the parser counts blank lines before it to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _shown(text: str) -> str:
    """A line as it may be shown: what could be a secret ends at its equals sign."""
    first = text.splitlines()[0] if text else ""
    meant = SETTING.match(first)
    if meant is None:
        return first[:120]
    name, separator, value = meant.groups()
    if value and known_secrets.is_secret(name.strip(), value.strip().strip("\"'")):
        return f"{name}{separator}…"
    return first[:120]
