"""The OpenAPI document is complete and true, as far as a document can be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy import __version__
from proxy.api.openapi import documented_path
from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.letta_server import LettaServer


@pytest.fixture
async def proxy(start_proxy: StartProxy, letta: LettaServer) -> Proxy:
    return await start_proxy(letta_base_url=letta.url)


async def document(proxy: Proxy) -> dict[str, Any]:
    found: dict[str, Any] = (await proxy.get("/api/openapi.json")).json
    return found


async def test_every_route_is_in_it_and_nothing_else(proxy: Proxy) -> None:
    routes = {
        (route.method.lower(), documented_path(resource.canonical))
        for resource in proxy.runner.app.router.resources()
        for route in resource
        if route.method != "HEAD"
    }
    paths = (await document(proxy))["paths"]
    assert routes == {(method, path) for path, methods in paths.items() for method in methods}
    assert len(routes) > 15


async def test_every_reference_leads_somewhere(proxy: Proxy) -> None:
    whole = await document(proxy)

    def references(part: Any) -> list[str]:
        if isinstance(part, list):
            return [each for item in part for each in references(item)]
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [each for item in part.values() for each in references(item)]
        return []

    found = references(whole)
    assert found
    for reference in set(found):
        part = whole
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


async def test_a_fault_is_in_it_only_where_faults_are_allowed(start_proxy: StartProxy) -> None:
    for allowed in (False, True):
        whole = await document(await start_proxy(faults_enabled=allowed))
        assert ('"fault"' in json.dumps(whole)) is allowed
        assert ("FAULTS" in json.dumps(whole)) is False


async def test_answers_have_the_documented_form(proxy: Proxy) -> None:
    whole = await document(proxy)
    for path in ("/api/config", "/api/agents", "/health", "/health/agent", "/healthz"):
        schema = whole["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        name = schema["schema"]["$ref"].rpartition("/")[2]
        properties = whole["components"]["schemas"][name]["properties"]
        assert {*(await proxy.get(path)).json} == {*properties}, path


async def test_parameters_and_bodies_are_described(proxy: Proxy) -> None:
    paths = (await document(proxy))["paths"]
    room, ident = paths["/api/dispatch-agent/{room}"]["get"]["parameters"]
    assert (room["name"], room["in"], room["schema"]["maxLength"]) == ("room", "path", 128)
    assert ident == {"$ref": "#/components/parameters/RequestId"}
    limit, before, _ = paths["/api/calls"]["get"]["parameters"]
    assert (limit["in"], limit["schema"]["minimum"], limit["schema"]["maximum"]) == (
        "query",
        1,
        500,
    )
    assert before["schema"]["type"] == "number"
    (_, after, last, _) = paths["/api/rooms/{room}/events"]["get"]["parameters"]
    assert (after["name"], last["name"], last["in"]) == ("after", "Last-Event-ID", "header")
    body = paths["/api/dispatch-agent"]["post"]["requestBody"]
    assert body["required"] is True


async def test_who_may_ask_and_what_is_refused(proxy: Proxy) -> None:
    paths = (await document(proxy))["paths"]
    post = paths["/api/rooms/{room}/events"]["post"]
    assert post["security"] == [{"eventToken": []}]
    assert {"400", "401", "403", "404", "408", "413", "415", "417", "503"} <= {*post["responses"]}
    assert "security" not in paths["/api/calls"]["get"]
    assert "4XX" not in json.dumps(paths)


async def test_the_version(proxy: Proxy) -> None:
    assert (await document(proxy))["info"]["version"] == __version__
    config = (await proxy.get("/api/config")).json
    listening = {each.pop("name"): each for each in config.pop("listening")}
    assert listening["vad_threshold"] == {
        "default": 0.5,
        "least": 0.01,
        "most": 0.99,
        "help": "Probability above which sound counts as speech (0 to 1).",
    }
    assert listening["interruption_enabled"]["default"] is True
    assert config == {
        "success": True,
        "livekit_url": proxy.settings.livekit_url,
        "agent_name": "letta-voice-agent",
        "letta_base_url": proxy.settings.letta_base_url,
        "version": __version__,
        "join_timeout_s": 15.0,
    }
