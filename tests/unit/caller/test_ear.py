"""The ear finds the first and the last sound to the sample, on generated audio."""

from __future__ import annotations

import numpy as np
import pytest

from dev.caller.ear import PAUSE_S, Ear, levels
from dev.caller.sound import RATE, Samples

FRAME = RATE // 50  # 20 ms


def feed(ear: Ear, samples: Samples, begin: float, late: float = 0.0) -> None:
    """Frames of 20 ms that arrive when their last sample is due, the first `late` seconds late."""
    for number in range(len(samples) // FRAME):
        frame = samples[number * FRAME : (number + 1) * FRAME]
        ear.hear(frame, begin + (number + 1) * 0.02 + (late if number == 0 else 0.0))


def silence_with(*spans: tuple[float, float], seconds: float) -> Samples:
    samples = np.zeros(round(seconds * RATE), np.int16)
    for begin, end in spans:
        samples[round(begin * RATE) : round(end * RATE)] = 4000
    return samples


def test_a_sound_is_found_to_the_sample() -> None:
    ear = Ear()
    feed(ear, silence_with((0.513, 1.207), seconds=2), begin=50.0)
    assert len(ear.soundings) == 1
    assert ear.soundings[0].began_at == pytest.approx(50.513, abs=1e-4)
    assert ear.soundings[0].ended_at == pytest.approx(51.207, abs=1e-4)


def test_a_short_pause_belongs_to_the_sentence_and_a_long_one_does_not() -> None:
    ear = Ear()
    short, long = PAUSE_S - 0.02, PAUSE_S + 0.02
    feed(ear, silence_with((0.1, 0.2), (0.2 + short, 0.6), (0.6 + long, 1.0), seconds=1.2), 0.0)
    assert [round(each.began_at, 3) for each in ear.soundings] == [0.1, round(0.6 + long, 3)]


def test_begun_after_skips_what_was_already_sounding() -> None:
    ear = Ear()
    feed(ear, silence_with((0.2, 0.8), (1.5, 1.7), seconds=2), 10.0)
    later = ear.begun_after(10.5)
    playing = ear.sounding_after(10.5)
    assert later is not None
    assert later.began_at == pytest.approx(11.5, abs=1e-4)
    assert playing is not None
    assert playing.began_at == pytest.approx(10.2, abs=1e-4)
    assert ear.begun_after(11.6) is None


def test_quiet_counts_from_the_last_sound() -> None:
    ear = Ear()
    assert ear.quiet_for(1.0) == float("inf")
    feed(ear, silence_with((0.2, 0.4), seconds=1), 0.0)
    assert ear.quiet_for(1.0) == pytest.approx(0.6, abs=1e-4)


def test_noise_below_hearing_is_silence() -> None:
    ear = Ear()
    feed(ear, np.full(RATE, 100, np.int16), 0.0)
    assert ear.soundings == []


def test_the_recording_stands_on_the_clock() -> None:
    ear = Ear()
    ear.recording = []
    feed(ear, silence_with((0.0, 0.2), seconds=0.2), begin=7.0)
    feed(ear, silence_with((0.0, 0.2), seconds=0.2), begin=8.0)  # a hole of 0.8 s before
    recorded = ear.recorded(began_at=6.5)
    loud = np.abs(recorded) > 0
    assert len(recorded) == round(1.7 * RATE)
    assert np.flatnonzero(np.diff(loud.astype(int))).tolist() == pytest.approx(
        [round(s * RATE) - 1 for s in (0.5, 0.7, 1.5)], abs=2
    )


def test_jitter_leaves_no_seam_in_the_recording() -> None:
    ear = Ear()
    ear.recording = []
    whole = np.arange(1, 3201, dtype=np.int16)
    for number in range(10):
        frame = whole[number * FRAME : (number + 1) * FRAME]
        ear.hear(frame, 1.0 + (number + 1) * 0.02 + (0.03 if number % 3 else 0.0))
    assert np.array_equal(ear.recorded(1.0)[-3200:], whole)


def test_nothing_is_recorded_unless_asked() -> None:
    ear = Ear()
    feed(ear, silence_with((0, 1), seconds=1), 0.0)
    assert len(ear.recorded(0.0)) == 0


def test_levels_tell_sound_from_silence() -> None:
    steps = levels(silence_with((0.1, 0.2), seconds=0.3))
    assert [round(at, 2) for at, _ in steps][:3] == [0.0, 0.02, 0.04]
    assert [db for at, db in steps if 0.1 <= round(at, 2) < 0.2] == [-18.3] * 5
    assert {db for at, db in steps if round(at, 2) < 0.1} == {-96.0}
