"""What Prometheus reads of the proxy."""

from __future__ import annotations

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.fast.proxy.conftest import Proxy
from tests.fast.proxy.timeline.conftest import event, page_token


async def read(proxy: Proxy) -> dict[str, float]:
    """Every sample as `name{VALUE,…}` → value, the labels in order of their names."""
    async with aiohttp.ClientSession() as session, session.get(f"{proxy.url}/metrics") as response:
        assert response.status == 200
        text = await response.text()
    return {
        f"{sample.name}{{{','.join(value for _, value in sorted(sample.labels.items()))}}}": (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_events_calls_and_failures_are_told(proxy: Proxy) -> None:
    async with aiohttp.ClientSession() as session:
        failed = event("failed", "signal", data={"what": "The token is expired.", "status": 401})
        for events in ([event()], [failed]):
            async with session.post(
                f"{proxy.url}/api/rooms/r/events",
                json={"events": events},
                headers={"Authorization": f"Bearer {page_token()}"},
            ) as response:
                assert response.status == 200, await response.text()
    samples = await read(proxy)
    assert samples["voice_events_total{browser,signal}"] == 2
    assert samples["voice_open_calls{}"] == 1
    assert samples["voice_events_waiting{}"] == 0
    assert samples["voice_dispatches_total{alarm}"] == 0
    assert samples["voice_probe_ok{calls database,}"] == 1


async def test_what_stands_still_is_told_without_a_call(proxy: Proxy) -> None:
    samples = await read(proxy)
    assert samples["voice_open_calls{}"] == 0
    assert any(name.startswith("voice_process_ready{proxy,") for name in samples)
