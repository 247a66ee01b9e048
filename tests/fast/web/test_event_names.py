"""The names of events in the page are those of the table: what it sends, and what it reads.

The page writes each name as one literal, `'stage.name'`: what stands in `web/call` it sends, what
stands in `web/state` it reads.
"""

from __future__ import annotations

import re
from pathlib import Path

from common.event_docs import TOPIC
from common.event_table import EVENTS

WEB = Path(__file__).resolve().parents[3] / "web"
EMIT = re.compile(r"\b(?:emit|#finish)\(\s*([^\s,)]+)")
"""The first argument of what sends an event."""


def names(folder: str) -> set[str]:
    return {
        topic for path in (WEB / folder).glob("*.js") for topic in TOPIC.findall(path.read_text())
    }


def test_the_page_sends_what_the_table_says_it_sends() -> None:
    table = {topic for topic, row in EVENTS.items() if "browser" in row.sources}
    assert names("call") == table


def test_the_page_reads_only_what_is_in_the_table() -> None:
    assert len(names("state")) > 50
    assert names("state") <= EVENTS.keys()


def test_no_other_part_of_the_page_knows_an_event_by_its_name() -> None:
    elsewhere = {path.name for path in WEB.iterdir() if path.is_dir()} - {"call", "state"}
    assert elsewhere
    assert not {topic for folder in elsewhere for topic in names(folder)}


def test_each_event_is_sent_by_a_whole_name() -> None:
    sent = [
        argument
        for path in (WEB / "call").glob("*.js")
        for argument in EMIT.findall(path.read_text())
    ]
    assert len(sent) > 30
    for argument in sent:
        assert argument == "topic" or TOPIC.fullmatch(argument), argument
