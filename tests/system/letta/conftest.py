"""Each Letta is started once for all tests of the seam.

V1 runs with `--full` only. Otherwise its answers are replayed, as they were recorded by
`RECORD_V1=1 ./scripts/test --full tests/system/letta`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from vcr import VCR
from vcr.request import Request

from common.letta.backend import Agent, Backend
from tests.system.letta.lettas import Letta, connected, letta_of

BACKENDS = ("app-server", "v1")
PERSONA = {"human": "I know nothing about this person yet.", "persona": "I am short."}
RECORDINGS = Path(__file__).with_name("recordings")
RECORD = bool(os.environ.get("RECORD_V1"))
# Letta's own texts, which nothing here reads.
LEFT_OUT = ("system", "tools", "source_code", "json_schema", "args_json_schema", "tool_rules")


@pytest.fixture(scope="session", params=BACKENDS)
def letta(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Letta]:
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "v1" and not request.config.getoption("--full"):
        yield Letta("v1", home, 8283, 8090)
        return
    with letta_of(request.param, home) as running:
        yield running


@pytest.fixture(autouse=True)
def _recorded(request: pytest.FixtureRequest) -> Iterator[None]:
    letta = request.getfixturevalue("letta") if "letta" in request.fixturenames else None
    full = request.config.getoption("--full")
    if letta is None or letta.kind != "v1" or (full and not RECORD):
        yield
        return
    module = request.module.__name__.rpartition("test_")[2]
    name = "-".join(re.findall(r"\w+", f"{module}-{request.node.name.removeprefix('test_')}"))
    with recording(letta, name.removesuffix("-v1"), record=bool(full)):
        yield


@contextlib.contextmanager
def recording(letta: Letta, name: str, *, record: bool) -> Iterator[None]:
    """Within it V1 and its models answer from a file, or what they answer is written there."""
    places = {letta.port: "letta", letta.models_port: "models"}

    def asked(request: Request) -> Request | None:
        parts = urlsplit(request.uri)
        if parts.hostname in places.values():
            return request  # seen before
        if parts.port not in places:
            return None  # nobody is there: that is asked for real
        request.uri = parts._replace(netloc=places[parts.port]).geturl()
        request.headers = {}
        return request

    file = RECORDINGS / f"{name}.yaml"
    if record:
        file.unlink(missing_ok=True)
    player = VCR(
        record_mode="once" if record else "none",
        match_on=("method", "host", "path", "query", "body"),
        before_record_request=asked,
        before_record_response=_answered,
        decode_compressed_response=True,
    )
    with player.use_cassette(str(file)):
        yield


def _answered(response: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: value for name, value in response["headers"].items() if name.lower() == "content-type"
    }
    body = response["body"]["string"]
    with contextlib.suppress(ValueError):  # a stream of events
        body = json.dumps(_short(json.loads(body))).encode()
    return {**response, "headers": kept, "body": {"string": body}}


def _short(told: Any) -> Any:
    if isinstance(told, list):
        return [_short(each) for each in told]
    if isinstance(told, dict) and told.get("message_type") == "system_message":
        return {**told, "content": ""}
    if isinstance(told, dict):
        return {name: _short(value) for name, value in told.items() if name not in LEFT_OUT}
    return told


@pytest.fixture
async def backend(letta: Letta, _recorded: None) -> AsyncIterator[Backend]:
    async with connected(letta) as backend:
        yield backend


@pytest.fixture
async def agent(backend: Backend, request: pytest.FixtureRequest) -> Agent:
    name = "".join(letter if letter.isalnum() else " " for letter in request.node.name)
    return await backend.create_agent(name[:40].strip(), PERSONA)
