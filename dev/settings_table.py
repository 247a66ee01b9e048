"""The one table of settings, made from the settings classes of all rooms.

python -m dev.settings_table            rewrite .env.example and the table in README.md
python -m dev.settings_table --check    only say whether they are up to date (exit code 1 when not)
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.settings import as_text
from dev.environment import load_class
from dev.services import CHECKOUT

ROOMS = (
    ("dev", "dev.settings:DevSettings"),
    ("dev", "dev.settings:DevAddresses"),
    ("agent", "agent.settings:AgentSettings"),
    ("proxy", "proxy.settings:ProxySettings"),
    ("models", "dev.models.settings:ModelsSettings"),
    ("letta", "dev.letta.settings:LettaSettings"),
)
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"
WRITE = "run .venv/bin/python -m dev.settings_table"
HEADER = """\
# Every setting of the system with its default. Copy this file to .env, change what you need:
#     cp .env.example .env
# What is exported in the shell wins over .env. This file is made by `python -m dev.settings_table`.
"""


class TableError(Exception):
    """Rooms that do not agree, or a README without its markers."""


@dataclass
class Setting:
    """One row: a name, the default as it would be written in .env, the help, and who reads it."""

    name: str
    default: str
    help: str
    rooms: list[str] = field(default_factory=list)


def table(rooms: Sequence[tuple[str, str]] = ROOMS) -> list[Setting]:
    """All settings by name; TableError when rooms differ or help is missing."""
    settings: dict[str, Setting] = {}
    wrong = []
    for room, name in rooms:
        for attribute, info in load_class(name).model_fields.items():
            setting = Setting(attribute.upper(), as_text(info), info.description or "", [room])
            known = settings.setdefault(setting.name, setting)
            if not setting.help:
                wrong.append(f"{setting.name} in {room} has no help (description)")
            if known is setting:
                continue
            known.rooms.append(room)
            for what in ("default", "help"):
                first, other = getattr(known, what), getattr(setting, what)
                if first != other:
                    wrong.append(
                        f"{setting.name}: the {what} is {first!r} in {known.rooms[0]}, but "
                        f"{other!r} in {room}"
                    )
    if wrong:
        raise TableError("\n".join(wrong))
    return [settings[name] for name in sorted(settings)]


def env_example(settings: list[Setting]) -> str:
    """The text of .env.example: every setting commented out with its default."""
    parts = [f"# {setting.help}\n# {setting.name}={setting.default}\n" for setting in settings]
    return HEADER + "\n" + "\n".join(parts)


def markdown(settings: list[Setting]) -> str:
    """The table of README.md."""
    rows = ["| setting | default | meaning | read by |", "|---|---|---|---|"]
    for setting in settings:
        default = f"`{setting.default}`" if setting.default else ""
        text = setting.help.replace("|", "\\|")
        rows.append(f"| `{setting.name}` | {default} | {text} | {', '.join(setting.rooms)} |")
    return "\n".join(rows) + "\n"


def in_readme(text: str, table_text: str) -> str:
    """README.md with the table between its markers replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise TableError(f"README.md must hold the lines {BEGIN} and {END}, the table goes there")
    return f"{before}{begin}\n{table_text}{end}{after}"


def wanted_files(root: Path, settings: list[Setting]) -> dict[Path, str]:
    """What the generated files must hold."""
    readme = root / "README.md"
    files = {root / ".env.example": env_example(settings)}
    if readme.exists():
        files[readme] = in_readme(readme.read_text(), markdown(settings))
    return files


def main(arguments: list[str], root: Path = CHECKOUT) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        files = wanted_files(root, table())
    except TableError as error:
        print(f"the table of settings: {error}", file=sys.stderr)
        return 1
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if arguments:
        for path in stale:
            print(f"{path.name} does not match the settings: {WRITE}", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path])
        print(f"written: {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
