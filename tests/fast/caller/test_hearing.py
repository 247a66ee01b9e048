"""The listener finds the first and the last sound to the sample, on generated audio."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from dev.caller.hearing import PAUSE_S, Changes, ReplyListener, levels
from dev.caller.sound import RATE, Samples

FRAME = RATE // 50  # 20 ms


def feed(listener: ReplyListener, samples: Samples, begin: float, late: float = 0.0) -> None:
    """Frames of 20 ms that arrive when their last sample is due, the first `late` seconds late."""
    for number in range(len(samples) // FRAME):
        frame = samples[number * FRAME : (number + 1) * FRAME]
        listener.hear(frame, begin + (number + 1) * 0.02 + (late if number == 0 else 0.0))


def silence_with(*spans: tuple[float, float], seconds: float) -> Samples:
    samples = np.zeros(round(seconds * RATE), np.int16)
    for begin, end in spans:
        samples[round(begin * RATE) : round(end * RATE)] = 4000
    return samples


def test_a_sound_is_found_to_the_sample() -> None:
    listener = ReplyListener()
    feed(listener, silence_with((0.513, 1.207), seconds=2), begin=50.0)
    assert len(listener.soundings) == 1
    assert listener.soundings[0].began_at == pytest.approx(50.513, abs=1e-4)
    assert listener.soundings[0].ended_at == pytest.approx(51.207, abs=1e-4)


def test_a_short_pause_belongs_to_the_sentence_and_a_long_one_does_not() -> None:
    listener = ReplyListener()
    short, long = PAUSE_S - 0.02, PAUSE_S + 0.02
    feed(
        listener, silence_with((0.1, 0.2), (0.2 + short, 0.6), (0.6 + long, 1.0), seconds=1.2), 0.0
    )
    assert [round(each.began_at, 3) for each in listener.soundings] == [0.1, round(0.6 + long, 3)]


def test_begun_after_skips_what_was_already_sounding() -> None:
    listener = ReplyListener()
    feed(listener, silence_with((0.2, 0.8), (1.5, 1.7), seconds=2), 10.0)
    later = listener.begun_after(10.5)
    playing = listener.sounding_after(10.5)
    assert later is not None
    assert later.began_at == pytest.approx(11.5, abs=1e-4)
    assert playing is not None
    assert playing.began_at == pytest.approx(10.2, abs=1e-4)
    assert listener.begun_after(11.6) is None


def test_quiet_counts_from_the_last_sound() -> None:
    listener = ReplyListener()
    assert listener.quiet_for(1.0) == float("inf")
    feed(listener, silence_with((0.2, 0.4), seconds=1), 0.0)
    assert listener.quiet_for(1.0) == pytest.approx(0.6, abs=1e-4)


def test_noise_below_hearing_is_silence() -> None:
    listener = ReplyListener()
    feed(listener, np.full(RATE, 100, np.int16), 0.0)
    assert listener.soundings == []


def test_the_recording_stands_on_the_clock() -> None:
    listener = ReplyListener()
    listener.recording = []
    feed(listener, silence_with((0.0, 0.2), seconds=0.2), begin=7.0)
    feed(listener, silence_with((0.0, 0.2), seconds=0.2), begin=8.0)  # a hole of 0.8 s before
    recorded = listener.recorded(began_at=6.5)
    loud = np.abs(recorded) > 0
    assert len(recorded) == round(1.7 * RATE)
    assert np.flatnonzero(np.diff(loud.astype(int))).tolist() == pytest.approx(
        [round(s * RATE) - 1 for s in (0.5, 0.7, 1.5)], abs=2
    )


def test_jitter_leaves_no_seam_in_the_recording() -> None:
    listener = ReplyListener()
    listener.recording = []
    whole = np.arange(1, 3201, dtype=np.int16)
    for number in range(10):
        frame = whole[number * FRAME : (number + 1) * FRAME]
        listener.hear(frame, 1.0 + (number + 1) * 0.02 + (0.03 if number % 3 else 0.0))
    assert np.array_equal(listener.recorded(1.0)[-3200:], whole)


def test_nothing_is_recorded_unless_asked() -> None:
    listener = ReplyListener()
    feed(listener, silence_with((0, 1), seconds=1), 0.0)
    assert len(listener.recorded(0.0)) == 0


def test_levels_tell_sound_from_silence() -> None:
    steps = levels(silence_with((0.1, 0.2), seconds=0.3))
    assert [round(at, 2) for at, _ in steps][:3] == [0.0, 0.02, 0.04]
    assert [db for at, db in steps if 0.1 <= round(at, 2) < 0.2] == [-18.3] * 5
    assert {db for at, db in steps if round(at, 2) < 0.1} == {-96.0}


async def test_a_condition_is_looked_at_only_after_a_change() -> None:
    changes, looks, value = Changes(), 0, 0

    def condition() -> bool:
        nonlocal looks
        looks += 1
        assert looks < 10, "it spins instead of waiting"
        return value == 3

    waiting = asyncio.create_task(changes.until(condition, timeout=10))
    for value in (1, 2, 3):  # noqa: B007 - read by the condition
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        changes.notify()
    assert await waiting
    assert looks <= 5


async def test_what_holds_already_needs_no_change() -> None:
    assert await Changes().until(lambda: True, timeout=0)


async def test_the_deadline_ends_the_wait() -> None:
    changes = Changes()
    assert not await changes.until(lambda: False, timeout=0.01)
    changes.notify()  # nobody waits any more


async def test_several_may_wait() -> None:
    changes, done = Changes(), False
    waiting = [asyncio.create_task(changes.until(lambda: done, timeout=10)) for _ in range(3)]
    await asyncio.sleep(0)
    done = True
    changes.notify()
    assert await asyncio.gather(*waiting) == [True] * 3
