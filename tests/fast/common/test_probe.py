"""Probes: what each finds, in which order they are asked, and that none keeps the others from
telling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from common.probe import Finding, Probe, ProbeAnswer, ProbeFailed, is_probe_room, run


def says(answer: ProbeAnswer) -> Callable[[], Awaitable[ProbeAnswer]]:
    async def ask() -> ProbeAnswer:
        return answer

    return ask


def raises(error: Exception) -> Callable[[], Awaitable[ProbeAnswer]]:
    async def ask() -> ProbeAnswer:
        raise error

    return ask


async def never() -> ProbeAnswer:
    await asyncio.Event().wait()
    raise AssertionError


async def findings_of(*probes: Probe[ProbeAnswer], at_once: int = 9) -> list[Finding]:
    return [finding for findings in await run(probes, at_once=at_once) for finding in findings]


async def test_a_sentence_is_an_ok_with_its_time() -> None:
    (finding,) = await findings_of(Probe("server", says("it answers"), group="network"))

    assert (finding.group, finding.what, finding.state) == ("network", "server", "ok")
    assert finding.detail == "it answers"
    assert finding.ms is not None and finding.ms >= 0


async def test_what_fails_has_its_sentence_and_the_probes_next_step_or_its_own() -> None:
    plain, own, half = await findings_of(
        Probe("a", raises(ProbeFailed("no answer")), next="start it"),
        Probe("b", raises(ProbeFailed("no answer", "open the port")), next="start it"),
        Probe("c", raises(ProbeFailed("slow", state="warn"))),
    )

    assert (plain.state, plain.detail, plain.next) == ("fail", "no answer", "start it")
    assert own.next == "open the port"
    assert half.state == "warn"


async def test_a_probe_is_asked_only_when_what_it_needs_is_well() -> None:
    findings = await findings_of(
        Probe("name", raises(ProbeFailed("unknown"))),
        Probe("connection", says("connected"), needs=("name",)),
        Probe("media", says("heard"), needs=("connection",)),
        Probe("clock", raises(ProbeFailed("7 s behind", state="warn"))),
        Probe("token", says("good"), needs=("clock",)),
    )

    assert [finding.state for finding in findings] == ["fail", "skip", "skip", "warn", "ok"]
    assert "name" in findings[1].detail
    assert findings[1].ms is None


async def test_a_late_and_a_broken_probe_say_so_and_the_others_tell() -> None:
    late, broken, fine = await findings_of(
        Probe("late", never, limit=0.02),
        Probe("broken", raises(ValueError("a fault of ours"))),
        Probe("fine", says("well")),
    )

    assert (late.state, "within 0.02 s" in late.detail) == ("fail", True)
    assert "this check is broken: ValueError: a fault of ours (test_probe.py:" in broken.detail
    assert broken.next == "report it, please"
    assert fine.state == "ok"


async def test_one_probe_may_find_several_things() -> None:
    several = [Finding("network", "UDP", "ok"), Finding("network", "TCP", "fail", "closed")]
    probes = [Probe("media", says(several)), Probe("after", says("well"), needs=("media",))]

    findings = await findings_of(*probes)

    assert findings[:2] == several
    assert findings[2].state == "skip"


async def test_probes_run_beside_each_other_or_one_after_another() -> None:
    now = most = 0

    async def ask() -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return "well"

    await findings_of(*(Probe(name, ask) for name in "abc"))
    assert most == 3
    most = 0
    await findings_of(*(Probe(name, ask) for name in "abc"), at_once=1)
    assert most == 1


async def test_who_stops_waiting_leaves_no_probe_behind() -> None:
    asked, cleaned_up = asyncio.Event(), []

    async def ask() -> ProbeAnswer:
        try:
            asked.set()
            return await never()
        finally:
            await asyncio.sleep(0)
            cleaned_up.append("its room is deleted")

    task = asyncio.create_task(findings_of(Probe("join", ask), Probe("late", never)))
    await asyncio.wait_for(asked.wait(), 5)
    task.cancel()
    await asyncio.wait([task])

    assert cleaned_up
    assert not {"probe: join", "probe: late"} & {task.get_name() for task in asyncio.all_tasks()}


def test_rooms_of_probes_are_known_by_their_name() -> None:
    assert is_probe_room("connection-test-1a2b")
    assert not is_probe_room("demo")
