"""The files whose change is a reason to try a failed start again."""

import contextlib

from dev.services import CHECKOUT, Service


def changed(service: Service) -> dict[str, float]:
    """When each of them changed last."""
    files = [CHECKOUT / ".env", *CHECKOUT.glob("requirements*.txt")]
    if service.code:
        files += (CHECKOUT / service.code).rglob("*.py")
    found = {}
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            found[str(file)] = file.stat().st_mtime
    return found
