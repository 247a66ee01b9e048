"""The microphone keeps real time on a clock of ours, and knows when the words began and ended."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from dev.caller.microphone import FRAME_S, FRAME_SAMPLES, Microphone
from dev.caller.sound import RATE, Samples, Sound


class Clock:
    """Time that passes only by sleeping and by stalls; stops the microphone at its end."""

    def __init__(self, until: float) -> None:
        self.now = 100.0
        self.end = self.now + until
        self.stalls: dict[int, float] = {}  # frame number -> seconds that sending it takes
        self.sent: list[tuple[float, Samples]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        await asyncio.sleep(0)

    async def send(self, frame: Samples) -> None:
        self.sent.append((self.now, frame))
        self.now += self.stalls.get(len(self.sent) - 1, 0.0)
        if self.now >= self.end:
            raise asyncio.CancelledError


async def run(clock: Clock, microphone: Microphone) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await microphone.run()


def made(until: float) -> tuple[Clock, Microphone]:
    clock = Clock(until)
    return clock, Microphone(clock.send, clock, clock.sleep)


def burst(lead_s: float, loud_s: float, tail_s: float) -> Sound:
    parts = [np.zeros(round(lead_s * RATE)), np.full(round(loud_s * RATE), 5000)]
    return Sound(np.concatenate([*parts, np.zeros(round(tail_s * RATE))]).astype(np.int16))


async def test_silence_goes_out_every_ten_milliseconds() -> None:
    clock, microphone = made(1.0)
    await run(clock, microphone)
    moments = [at for at, _ in clock.sent]
    assert np.diff(moments) == pytest.approx(FRAME_S)
    assert len(clock.sent) == 101
    assert all(len(frame) == FRAME_SAMPLES and not frame.any() for _, frame in clock.sent)


async def test_a_stall_is_caught_up_at_once() -> None:
    clock, microphone = made(1.0)
    clock.stalls = {10: 0.095}
    await run(clock, microphone)
    moments = [round(at - 100.0, 3) for at, _ in clock.sent]
    assert moments[11:21] == [0.195] * 9 + [0.2]  # nine frames were due, then in step again
    assert len(clock.sent) == 101


async def test_words_go_out_whole_and_in_order() -> None:
    clock, microphone = made(2.0)
    first, second = burst(0, 0.105, 0), Sound(np.full(320, 700, np.int16))
    microphone.say(first)
    microphone.say(second)
    await run(clock, microphone)
    sent = np.concatenate([frame for _, frame in clock.sent])
    padded = 11 * FRAME_SAMPLES  # the last frame of the first is filled with silence
    assert np.array_equal(sent[: len(first.samples)], first.samples)
    assert not sent[len(first.samples) : padded].any()
    assert np.array_equal(sent[padded : padded + 320], second.samples)
    assert not sent[padded + 320 :].any()


@pytest.mark.parametrize(
    ("lead", "loud", "tail"), [(0.0, 0.5, 0.0), (0.123, 0.2, 0.3), (0.017, 0.004, 0.1)]
)
async def test_begin_and_end_are_those_of_the_audible_part(
    lead: float, loud: float, tail: float
) -> None:
    clock, microphone = made(2.0)
    utterance = microphone.say(burst(lead, loud, tail))
    await run(clock, microphone)
    # The first frame leaves at 100.0, when its last sample has been "recorded".
    assert utterance.began_at == pytest.approx(100.0 - FRAME_S + lead, abs=1e-4)
    assert utterance.ended_at == pytest.approx(100.0 - FRAME_S + lead + loud, abs=1e-4)
    assert utterance.out.is_set()


async def test_a_stall_in_the_last_frame_delays_the_end_of_speech() -> None:
    clock, microphone = made(2.0)
    utterance = microphone.say(burst(0, 0.2, 0))
    clock.stalls = {18: 0.3}
    await run(clock, microphone)
    assert utterance.ended_at == pytest.approx(100.0 + 0.18 + 0.3, abs=1e-4)


async def test_a_stall_in_the_silence_after_the_words_does_not_move_their_end() -> None:
    clock, microphone = made(2.0)
    utterance = microphone.say(burst(0, 0.2, 0.3))
    clock.stalls = {25: 0.3}
    await run(clock, microphone)
    assert utterance.ended_at == pytest.approx(100.0 - FRAME_S + 0.2, abs=1e-4)


async def test_silence_has_neither_begin_nor_end() -> None:
    clock, microphone = made(0.5)
    utterance = microphone.say(Sound.silence(0.1))
    await run(clock, microphone)
    assert utterance.out.is_set()
    assert utterance.began_at is None
    assert utterance.ended_at is None


async def test_the_recording_is_what_was_sent() -> None:
    clock, microphone = made(0.3)
    microphone.recording = []
    microphone.say(burst(0, 0.1, 0))
    await run(clock, microphone)
    sent = np.concatenate([frame for _, frame in clock.sent])
    assert np.array_equal(np.concatenate(microphone.recording), sent)
