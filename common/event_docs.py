"""`python -m common.event_docs [--check]`: writes docs/events.md from the table of events.

Who reads an event is found in the code: every folder that names it as `"stage.name"`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from common.event_table import EVENTS, EventType
from common.events import STAGES

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = "docs/events.md"
WRITE = "run `.venv/bin/python -m common.event_docs` and commit what it writes"
READERS = {
    "proxy/verdicts": "verdicts",
    "proxy/timeline": "timeline",
    "proxy": "proxy",
    "agent": "worker",
    "web/state": "page",
    "dev": "command line",
}
"""Folders that read events, and what the page calls them; the first that fits."""
TOPIC = re.compile(rf"""["'`]((?:{"|".join(STAGES)})\.[a-z_]+)["'`]""")
HEAD = """\
# Events

Generated from `common/event_table.py`; {write}.

Everything that happens in a call is one event: `{{at, room, source, stage, name, data, key}}`, `at`
in seconds since the epoch by the clock of its sender. A key of `data` that may be missing stands in
brackets. *Read by*: who looks this event up by name; every event is kept, streamed, shown in the
console, exported and put into the bundle. An agent that is not ours may send other events, which
are kept and shown as they are.
"""

TABLE_HEAD = ("| event | sent by | meaning | data | read by |", "|---|---|---|---|---|")


def named_topics(root: Path = CHECKOUT) -> Iterator[tuple[str, Path]]:
    """Each `stage.name` that stands as a literal in the product, with its file."""
    for folder in sorted({reader.partition("/")[0] for reader in READERS}):
        for pattern in ("*.py", "*.js"):
            for path in sorted((root / folder).rglob(pattern)):
                for match in TOPIC.finditer(path.read_text()):
                    yield match[1], path.relative_to(root)


def readers(root: Path = CHECKOUT) -> dict[str, set[str]]:
    """For each topic, who names it."""
    found: dict[str, set[str]] = {}
    for topic, path in named_topics(root):
        for folder, reader in READERS.items():
            if path.is_relative_to(folder):
                found.setdefault(topic, set()).add(reader)
                break
    return found


def render(read_by: Mapping[str, set[str]]) -> str:
    """The page: a table for each stage."""
    parts = [HEAD.format(write=WRITE)]
    for stage in STAGES:
        parts += [f"## {stage}", "", *TABLE_HEAD]
        parts += [
            _row(event_type, read_by.get(topic, set()))
            for topic, event_type in EVENTS.items()
            if event_type.stage == stage
        ]
        parts.append("")
    return "\n".join(parts)


def _row(event_type: EventType, read_by: set[str]) -> str:
    data = []
    for key, data_field in event_type.data.items():
        shown = f"`{key}`" if data_field.required else f"[`{key}`]"
        data.append(f"{shown} {' or '.join(data_field.types)}: {data_field.meaning}")
    if event_type.open:
        data.append("and more")
    name = event_type.topic.partition(".")[2]
    cells = (
        f"`{name}`",
        ", ".join(event_type.sources),
        event_type.meaning,
        "; ".join(data),
        ", ".join(reader for reader in READERS.values() if reader in read_by),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main(arguments: list[str], root: Path = CHECKOUT) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    page, text = root / PAGE, render(readers(root))
    current = page.read_text() if page.exists() else ""
    if arguments:
        if current != text:
            print(f"{PAGE} does not match the table of events: {WRITE}", file=sys.stderr)
        return int(current != text)
    page.parent.mkdir(exist_ok=True)
    page.write_text(text)
    print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
