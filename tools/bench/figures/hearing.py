"""How much of what is said is understood, what is understood where nothing is said, how soon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from dev.caller import CallError
from tools.bench.bench import Bench, progress
from tools.bench.hearing import before
from tools.bench.hearing.conditions import CONDITIONS, RATE, Samples, in_silence
from tools.bench.hearing.ear import Ear, NotHeard
from tools.bench.hearing.noises import NOISES, television
from tools.bench.hearing.texts import KINDS, RECORDINGS, TALK
from tools.bench.hearing.voices import Speak, flite, piper, recording
from tools.bench.hearing.wording import Errors, errors, words
from tools.bench.results import FigureRow, Result, Summary
from tools.bench.waiting import calm

VOICES: dict[str, Speak] = {"rms": flite("rms"), "slt": flite("slt"), "piper": piper}
SPEED, NOISE_SPEED = 6.0, 20.0  # times as fast as it was said: only what is timed is not
NOISE_S, QUICK_NOISE_S = 600.0, 60.0
GOALS = {"human/clean": 6.0, "human/10 dB": 15.0}
GOAL_P50_MS, GOAL_P95_MS, GOAL_CPU = 120.0, 250.0, 3.0


@dataclass
class Heard:
    errors: dict[str, Errors] = field(default_factory=dict)
    invented: dict[str, tuple[int, str]] = field(default_factory=dict)  # words, and what they are
    waits_ms: list[float] = field(default_factory=list)
    cpu_percent: float | None = None


async def measure(bench: Bench) -> Result:
    heard = Heard()
    with bench.until_interrupted():
        await calm()
        try:
            async with Ear(bench.system.environ["MODELS_URL"]).listening() as ear:
                await _timed(bench, ear, heard)
                await _people(ear, heard)
                await _voices(ear, heard, quick=bench.quick)
                await _noises(ear, heard, QUICK_NOISE_S if bench.quick else NOISE_S)
        except NotHeard as error:
            raise CallError(f"speech-to-text did not answer: {error}") from error
    return _result(heard)


async def _timed(bench: Bench, ear: Ear, heard: Heard) -> None:
    """As fast as people speak: how soon a text is there, and what it costs the machine."""
    progress("hearing: how soon, and how much of a core")
    sounds = [in_silence(await VOICES["rms"](text)) for text in TALK.texts]
    processes = bench.system.families().get("models", [])
    used = sum(sum(process.cpu_times()[:2]) for process in processes)
    seconds = 0.0
    for sound in sounds:
        heard.waits_ms += (await ear.hear(sound, 1.0)).waits_ms
        seconds += len(sound) / RATE
    used = sum(sum(process.cpu_times()[:2]) for process in processes) - used
    heard.cpu_percent = 100 * used / seconds if processes else None


async def _people(ear: Ear, heard: Heard) -> None:
    for condition, apply in CONDITIONS.items():
        progress(f"hearing: people, {condition}")
        total = Errors()
        for name, said in RECORDINGS.items():
            text = (await ear.hear(apply(recording(name)), SPEED)).text
            total += errors([said], [text])
        heard.errors[f"human/{condition}"] = total


async def _voices(ear: Ear, heard: Heard, *, quick: bool) -> None:
    for voice, speak in VOICES.items():
        for condition, apply in CONDITIONS.items():
            progress(f"hearing: {voice}, {condition}")
            total = Errors()
            for kind in KINDS:
                texts = kind.texts[::3] if quick else kind.texts
                got = [(await ear.hear(apply(await speak(text)), SPEED)).text for text in texts]
                found = errors(texts, got, letters=kind.letters)
                heard.errors[f"{voice}/{condition}/{kind.kind}"] = found
                total += Errors() if kind.letters else found
            heard.errors[f"{voice}/{condition}"] = total


async def _noises(ear: Ear, heard: Heard, seconds: float) -> None:
    talkers: list[Samples] = [recording(name) for name in RECORDINGS]
    sounds = {name: make for name, make in NOISES.items()}
    for name in (*sounds, "television"):
        progress(f"hearing: {seconds / 60:.0f} minutes of {name}")
        sound = (
            await asyncio.to_thread(television, seconds, talkers)
            if name == "television"
            else await asyncio.to_thread(sounds[name], seconds)
        )
        text = (await ear.hear(sound, NOISE_SPEED)).text
        heard.invented[name] = (words(text), text)


def _result(heard: Heard) -> Result:
    rows = [
        FigureRow(
            f"words misheard, {what}", found.percent, _before(what), "%",
            f"≤ {GOALS[what]:.0f} %" if what in GOALS else "",
            found.percent <= GOALS[what] if what in GOALS and found.percent is not None else None,
        )
        for what, found in heard.errors.items()
        if what.count("/") == 1
    ]  # fmt: skip
    for name, (count, _) in heard.invented.items():
        rows.append(
            FigureRow(
                f"words invented, {name}", float(count), float(before.INVENTED[name]), "", "0",
                count == 0,
            )
        )  # fmt: skip
    waits = Summary.of(heard.waits_ms)
    rows += [
        FigureRow("utterance ends → text, p50", waits.p50, None, "ms", f"≤ {GOAL_P50_MS:.0f} ms",
                  _met(waits.p50, GOAL_P50_MS)),
        FigureRow("utterance ends → text, p95", waits.p95, None, "ms", f"≤ {GOAL_P95_MS:.0f} ms",
                  _met(waits.p95, GOAL_P95_MS)),
        FigureRow("models server, of a core while one speaks", heard.cpu_percent, None, "%",
                  f"≤ {GOAL_CPU:.0f} %", _met(heard.cpu_percent, GOAL_CPU)),
    ]  # fmt: skip
    details = ["in place of stock: pocketsphinx, as it was on 26 November 2026"]
    details += _by_kind(heard)
    details += [f"{name}: {text!r}" for name, (count, text) in heard.invented.items() if count]
    raw = {
        "errors": {what: vars(found) for what, found in heard.errors.items()},
        "invented": heard.invented,
        "waits_ms": heard.waits_ms,
        "cpu_percent": heard.cpu_percent,
    }
    return Result(rows, details, raw)


def _by_kind(heard: Heard) -> Sequence[str]:
    lines = []
    for voice in VOICES:
        for condition in CONDITIONS:
            parts = [
                f"{kind.kind} {found.percent:.0f}"
                for kind in KINDS
                if (found := heard.errors.get(f"{voice}/{condition}/{kind.kind}")) and found.all
            ]
            if parts:
                lines.append(f"{voice}, {condition}, %: {', '.join(parts)}")
    return lines


def _before(what: str) -> float | None:
    return Errors(*before.ERRORS[what]).percent if what in before.ERRORS else None


def _met(value: float | None, most: float) -> bool | None:
    return None if value is None else value <= most
