"""Watching a room: what was, what comes, and going on where one was cut off."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from pathlib import Path

import pytest

from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.timeline.conftest import event, posted, watching


async def names(proxy: Proxy, after: str, count: int) -> list[str]:
    async with watching(proxy, after=after) as watcher:
        names: list[str] = []
        while len(names) < count:
            _, data = await watcher.next("event")
            if data["stage"] != "system":
                names.append(data["name"])
    return names


async def test_what_was_comes_first_then_the_verdicts_then_what_comes(proxy: Proxy) -> None:
    await posted(proxy, event("one"), event("two"))
    async with watching(proxy) as watcher:
        first = await watcher.event("one")
        second = await watcher.event("two")
        assert first["seq"] < second["seq"]
        assert first["call"] == second["call"]
        _, verdicts = await watcher.next("verdicts")
        assert [verdict["stage"] for verdict in verdicts["verdicts"]][:2] == ["system", "token"]
        assert verdicts["call"] == first["call"]
        await posted(proxy, event("three"))
        assert (await watcher.event("three"))["seq"] > second["seq"]


async def test_a_change_of_the_verdicts_is_told(proxy: Proxy) -> None:
    async with watching(proxy) as watcher:
        await watcher.next("verdicts")
        await posted(proxy, event("issued", "token", data={"identity": "c"}))
        began = time.monotonic()
        while True:
            _, answer = await watcher.next("verdicts")
            states = {verdict["stage"]: verdict["state"] for verdict in answer["verdicts"]}
            if states["token"] != "not seen yet":
                break
        assert time.monotonic() - began < 2


async def test_it_goes_on_after_the_last_event_that_was_seen(proxy: Proxy) -> None:
    await posted(proxy, event("one"), event("two"), event("three"))
    async with watching(proxy) as watcher:
        await watcher.event("two")
        last = watcher.last_id
    assert await names(proxy, last, 1) == ["three"]
    async with proxy.session.get(f"{proxy.url}/api/rooms/r/events?after={last}") as response:
        assert b"three" in await response.content.readuntil(b"three")


async def test_it_goes_on_after_a_restart(start_proxy: StartProxy, database: Path) -> None:
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, event("one"), event("two"))
    async with watching(proxy) as watcher:
        await watcher.event("one")
        last = watcher.last_id
    await proxy.runner.cleanup()
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, event("three"))
    assert await names(proxy, last, 2) == ["two", "three"]


async def test_two_calls_of_a_room_are_told_apart(start_proxy: StartProxy, database: Path) -> None:
    """Who was away while one call ended and another began gets both."""
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, event("one"))
    async with watching(proxy) as watcher:
        old = (await watcher.event("one"))["call"]
        last = watcher.last_id
    call = (await proxy.get("/api/calls")).json["calls"][0]["id"]
    assert call == old
    await posted(proxy, event("disconnected", "media", data={"intended": True}))
    await proxy.post("/api/token", {"room": "r"})
    async with watching(proxy, after=last) as watcher:
        assert (await watcher.event("disconnected"))["call"] == old
        assert (await watcher.event("issued"))["call"] != old


async def test_who_was_away_for_long_gets_what_is_only_in_the_database(
    start_proxy: StartProxy, database: Path
) -> None:
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, event("one"), event("two"))
    async with watching(proxy) as watcher:
        await watcher.event("one")
        last = watcher.last_id
    await posted(proxy, event("disconnected", "media", data={"intended": True}))
    await proxy.post("/api/token", {"room": "r"})
    await proxy.runner.cleanup()
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, event("four"))
    assert await names(proxy, last, 4) == ["two", "disconnected", "issued", "four"]


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "٣"])
async def test_a_number_that_is_none(proxy: Proxy, after: str) -> None:
    answer = await proxy.get("/api/rooms/r/events", params={"after": after})
    assert (answer.status, answer.json["error"]) == (400, "INVALID_REQUEST")


async def test_a_head_request_ends(proxy: Proxy) -> None:
    answer = await proxy.ask("HEAD", "/api/rooms/r/events")
    assert answer.status == 200


async def test_a_stopping_proxy_ends_its_streams(proxy: Proxy) -> None:
    await posted(proxy, event())
    async with watching(proxy) as watcher:
        await watcher.next("verdicts")
        began = time.monotonic()
        await proxy.runner.cleanup()
        with pytest.raises(EOFError):
            while True:
                await watcher.next()
        assert time.monotonic() - began < 0.8


async def test_who_reads_too_slowly_is_cut_off_and_others_are_not(proxy: Proxy) -> None:
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", proxy.settings.proxy_port))
        host = f"127.0.0.1:{proxy.settings.proxy_port}"
        slow.sendall(f"GET /api/rooms/r/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        async with watching(proxy) as watcher:
            await watcher.next("verdicts")
            reading = asyncio.create_task(watcher.event("last"))
            for _ in range(20):
                data = {"text": "x" * 2000}
                await posted(proxy, *(event(data=data) for _ in range(200)))
            await posted(proxy, event("last"))
            assert (await reading)["name"] == "last"
        slow.settimeout(5)
        received = 0
        with pytest.raises(ConnectionResetError):
            while chunk := slow.recv(1 << 20):
                received += len(chunk)
            raise ConnectionResetError  # it was ended in order, which is as good
        assert received < 20 * 200 * 2000


async def test_a_page_of_another_origin_cannot_read_it(proxy: Proxy) -> None:
    async with watching(proxy) as watcher:
        assert "Access-Control-Allow-Origin" not in watcher.response.headers


class _Noting(logging.Handler):
    """The next record, as soon as there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.next: asyncio.Future[logging.LogRecord] = asyncio.get_running_loop().create_future()

    def emit(self, record: logging.LogRecord) -> None:
        if not self.next.done():
            self.next.set_result(record)


async def test_a_watcher_that_leaves_is_no_failure_in_the_log(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    access = logging.getLogger("proxy.access")
    noting = _Noting()
    with caplog.at_level(logging.DEBUG, access.name):
        access.addHandler(noting)
        try:
            async with watching(proxy) as watcher:
                await watcher.next("verdicts")
            record = await asyncio.wait_for(noting.next, 5)
        finally:
            access.removeHandler(noting)
    assert record.getMessage().startswith("GET /api/rooms/r/events 499 ")
    assert record.levelno == logging.INFO
