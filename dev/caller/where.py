"""Where the running system is, from what the person exported and `.env`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.dotenv import read as read_dotenv
from dev.caller.errors import CallError
from dev.services import CHECKOUT


def settings(exported: Mapping[str, str], dotenv: Path = CHECKOUT / ".env") -> dict[str, str]:
    """What is set: exported wins over `.env`, and empty means unset."""
    file = read_dotenv(dotenv, exported)
    if file.errors:
        raise CallError("\n".join(file.errors))
    return {name: value for name, value in {**file.values, **exported}.items() if value}


def proxy_url(values: Mapping[str, str]) -> str:
    return f"http://localhost:{values.get('PROXY_PORT', '9000')}"


def models_url(values: Mapping[str, str]) -> str:
    port = values.get("MODELS_PORT", "8090")
    return values.get("MODELS_URL", f"http://localhost:{port}/v1")
