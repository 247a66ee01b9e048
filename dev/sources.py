"""The files whose change is a reason to try a failed start again, or to try new code."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from dev.services import CHECKOUT, Service


def changed(service: Service) -> dict[str, float]:
    """When each of them changed last."""
    return {
        **_marks([CHECKOUT / ".env", *CHECKOUT.glob("requirements*.txt")]),
        **code(service),
    }


def code(service: Service) -> dict[str, float]:
    """When each file of the service's own code changed last."""
    return _marks((CHECKOUT / service.code).rglob("*.py")) if service.code else {}


def _marks(files: Iterable[Path]) -> dict[str, float]:
    found = {}
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            found[str(file)] = file.stat().st_mtime
    return found
