"""The documents name files that are there, and link to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.running_system import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in (
        "*.md",
        "docs/*.md",
        "dev/*/README.md",
        "proxy/*/README.md",
        "tests/*/README.md",
    )
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
ROOMS = "agent|common|dev|docs|proxy|scripts|tests|tools|web"
NAMED = re.compile(rf"`(?:\./)?((?:{ROOMS})/[\w./-]*)")
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b(?!\.md)")
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_what_a_document_names_is_there(document: Path) -> None:
    text = (ROOT / document).read_text()
    named = [name for name in NAMED.findall(text) if not PLACEHOLDER.search(name)]
    missing = [name for name in named if not (ROOT / name).exists()]
    beside = (ROOT / document).parent
    missing += [link for link in LINKED.findall(text) if not (beside / link).exists()]
    assert not missing
