"""Which code a process runs: eight digits that change with any line of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def code_version(*folders: str) -> str:
    """Of the Python files in these folders of the checkout, as they are on disk now."""
    digest = hashlib.sha256()
    for file in sorted(path for one in folders for path in (CHECKOUT / one).rglob("*.py")):
        digest.update(f"{file.relative_to(CHECKOUT)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]
