"""Who speaks when: pauses that were talked over, delays after real ends, and backchannels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import aiohttp
import numpy as np

from dev.caller import CallError
from dev.caller.caller import Caller
from dev.caller.sound import RATE, CallerVoice, Sound
from tools.bench.bench import Bench, progress
from tools.bench.results import FigureRow, Result, Summary
from tools.bench.subjects import OURS, STOCK, Subject
from tools.bench.turntaking.turns import SpokenTurn, sentences_in_a_row, spoken_turns
from tools.bench.waiting import calm

BREATH_S = 0.5  # between a reply and the next turn
TURNS_A_CALL = 12
GOAL_OVER, GOAL_P50_S, GOAL_P95_S = 5.0, 0.35, 1.5
# As pipecat uses the same model: it is asked once, after so much silence, and believed from this
# probability on; else the turn ends after the longest silence.
PIPECAT_ASKS_S, PIPECAT_BELIEVES, PIPECAT_LONGEST_S = 0.2, 0.5, 3.0
PIPECAT = "smart-turn alone, as pipecat asks it"
HEARD_S = 8

STORY = "please tell me a long story about a lighthouse"
BACKCHANNELS = ("mm-hmm", "right", "yeah", "okay", "I see", "uh-huh", "yes", "of course")
BACKCHANNEL_VOICES = ("piper", "slt")
COUGHS = 4
INTERRUPTIONS = ("stop", "wait", "what is that?", "hold on a second", "no, I meant the other one")
INTO_REPLY_S = 2.5  # of its sound
GOES_ON_S = 1.6  # after a backchannel: whatever stops an agent has done so


@dataclass
class Measured:
    """Of one subject: pauses that were talked over and all, by who spoke; delays; failures."""

    pauses: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)
    answered: int = 0
    first_sounds: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stopped: dict[str, list[bool]] = field(default_factory=dict)

    def over(self, people: bool | None = None) -> float | None:
        """Per cent of the pauses within sentences."""
        all_ = [
            over
            for who, pauses in self.pauses.items()
            if people is None or (who == "people") == people
            for _, over in pauses
        ]
        return 100 * sum(all_) / len(all_) if all_ else None

    def by_length(self) -> str:
        lengths: dict[float, list[bool]] = {}
        for pauses in self.pauses.values():
            for length, over in pauses:
                lengths.setdefault(round(length, 1), []).append(over)
        return ", ".join(f"{s} s {sum(all_)}/{len(all_)}" for s, all_ in sorted(lengths.items()))


async def measure(bench: Bench) -> Result:
    models_url = bench.system.environ["MODELS_URL"]
    turns: list[SpokenTurn] = []
    measured = {OURS: Measured(), STOCK: Measured()}
    in_a_row: dict[str, float] = {}
    alone = Measured()
    with bench.until_interrupted():
        turns = await spoken_turns(models_url, bench.runs(2, 1))
        if bench.quick:
            turns = turns[::3]
        for first in range(0, len(turns), TURNS_A_CALL):
            part = turns[first : first + TURNS_A_CALL]
            progress(f"turntaking: turns {first + 1} to {first + len(part)} of {len(turns)}, each")
            for subject in bench.subjects:
                await calm()
                await _converse(bench, subject, part, measured[subject.name])
        for subject in bench.subjects:
            progress(f"turntaking: backchannels and interruptions, {subject.name}")
            await calm()
            try:
                in_a_row[subject.name] = await _sentences_in_a_row(bench, subject)
                await _overlaps(bench, subject, measured[subject.name], models_url)
            except CallError as error:
                measured[subject.name].failures.append(str(error))
        alone = await _smart_turn_alone(turns, models_url, measured[OURS])
    return _result(measured, alone, in_a_row, len(turns))


async def _converse(
    bench: Bench, subject: Subject, turns: Sequence[SpokenTurn], measured: Measured
) -> None:
    try:
        async with subject.caller(bench.voice) as caller:
            await caller.wait_until_listening()
            for turn in turns:
                said = await caller.say(turn.sound)
                heard = caller.sounds_since_speech
                for begin, end, speech_ends in turn.resumed:
                    over = any(a < speech_ends and b > begin for a, b in heard)
                    kept = measured.pauses.setdefault(turn.who, [])
                    kept.append((end - begin, over))
                after = [a for a, _ in heard if a >= turn.ends_s]
                if after:
                    measured.answered += 1
                    if turn.is_whole:
                        measured.first_sounds.append(after[0] - turn.ends_s)
                else:
                    measured.failures.append(f"{turn.sound.words!r}: {said.problem or 'no reply'}")
                delay = said.marks.get("end_of_utterance")
                if delay is not None and turn.is_whole:
                    measured.delays.append(delay / 1000)
                await asyncio.sleep(BREATH_S)
    except CallError as error:
        measured.failures.append(str(error))


async def _sentences_in_a_row(bench: Bench, subject: Subject) -> float:
    """How often the agent speaks into short sentences with half a second between them."""
    turn = sentences_in_a_row()
    async with subject.caller(bench.voice) as caller:
        await caller.wait_until_listening()
        await caller.say(turn.sound)
        heard = caller.sounds_since_speech
        return 1.0 * sum(
            any(a < speech_ends and b > begin for a, b in heard)
            for begin, _, speech_ends in turn.resumed
        )


async def _overlaps(bench: Bench, subject: Subject, measured: Measured, models_url: str) -> None:
    voices = [CallerVoice(name, models_url) for name in BACKCHANNEL_VOICES]
    listening = [await voice.speak(words) for voice in voices for words in BACKCHANNELS]
    listening += [_cough(number) for number in range(COUGHS)]
    meant = [await voice.speak(words) for voice in voices for words in INTERRUPTIONS]
    for kind, sounds in (("backchannel", listening), ("interruption", meant)):
        for sound in sounds[:: bench.runs(1, 4)]:
            async with subject.caller(bench.voice) as caller:
                await caller.wait_until_listening()
                measured.stopped.setdefault(kind, []).append(await _stops(caller, sound))


async def _stops(caller: Caller, sound: Sound) -> bool:
    """Whether the agent, in the middle of a story, stops for a sound."""
    story = await caller.say(STORY, until="first_sound")
    if not story.answered:
        raise CallError(story.problem)
    await asyncio.sleep(INTO_REPLY_S)
    caller.speak_over(sound)
    # Its own word, not silence: an agent that stops may answer at once.
    return await caller.until(
        lambda: caller.agent_state != "speaking", sound.duration_s + GOES_ON_S
    )


def _cough(number: int) -> Sound:
    """Two bursts of noise, as loud as speech."""
    dice = np.random.default_rng(number)
    burst = dice.normal(0, 1, round(0.16 * RATE)) * np.exp(-np.linspace(0, 5, round(0.16 * RATE)))
    low = np.convolve(burst, np.ones(6) / 6, "same")
    gap = np.zeros(round(0.12 * RATE))
    both = np.concatenate([low, gap, 0.8 * low])
    return Sound((both / np.abs(both).max() * 9000).astype(np.int16), "(a cough)")


async def _smart_turn_alone(
    turns: Sequence[SpokenTurn], models_url: str, ours: Measured
) -> Measured:
    """The same sounds by another rule; from its end of a turn to sound it takes as long as ours."""
    alone = Measured()
    reply_s = median(ours.first_sounds) - median(ours.delays) if ours.delays else 0.3

    async def ends_after(sound: Sound, at_s: float) -> float:
        end = round(at_s * RATE)
        heard = np.concatenate(
            [
                sound.samples[max(0, end - HEARD_S * RATE) : end],
                np.zeros(round(PIPECAT_ASKS_S * RATE), np.int16),
            ]
        )
        async with http.post(f"{models_url}/audio/end-of-turn", data=heard.tobytes()) as answer:
            probability = float((await answer.json())["probability"])
        return PIPECAT_ASKS_S if probability >= PIPECAT_BELIEVES else PIPECAT_LONGEST_S

    async with aiohttp.ClientSession(raise_for_status=True) as http:
        for turn in turns:
            for begin, end, _ in turn.resumed:
                over = await ends_after(turn.sound, begin) + reply_s < end - begin
                alone.pauses.setdefault(turn.who, []).append((end - begin, over))
            if turn.is_whole:
                alone.delays.append(await ends_after(turn.sound, turn.ends_s))
    return alone


def _result(
    measured: dict[str, Measured], alone: Measured, in_a_row: dict[str, float], turns: int
) -> Result:
    ours, stock = measured[OURS], measured[STOCK]
    delays, others = Summary.of(ours.delays), Summary.of(alone.delays)
    sounds = {name: Summary.of(each.first_sounds) for name, each in measured.items()}
    over = ours.over()
    answered = [float(measured[name].answered) if turns else None for name in (OURS, STOCK)]
    what = "pauses within a sentence talked over"
    rows = [
        FigureRow(
            what, over, stock.over(), "%", f"≤ {GOAL_OVER:.0f} %",
            None if over is None else over <= GOAL_OVER,
        ),
        FigureRow(f"{what}, people", ours.over(people=True), stock.over(people=True), "%"),
        FigureRow(f"{what}, voices", ours.over(people=False), stock.over(people=False), "%"),
        FigureRow(
            "short sentences in a row broken into (of 5)",
            in_a_row.get(OURS), in_a_row.get(STOCK), "",
        ),
        FigureRow(
            "end of speech → end of turn, p50", delays.p50, None, "s", f"≤ {GOAL_P50_S} s",
            None if delays.p50 is None else delays.p50 <= GOAL_P50_S,
        ),
        FigureRow(
            "end of speech → end of turn, p95", delays.p95, None, "s", f"≤ {GOAL_P95_S} s",
            None if delays.p95 is None else delays.p95 <= GOAL_P95_S,
        ),
        FigureRow("end of speech → first sound, p50", sounds[OURS].p50, sounds[STOCK].p50),
        FigureRow("end of speech → first sound, p95", sounds[OURS].p95, sounds[STOCK].p95),
        FigureRow(
            "turns that were answered", answered[0], answered[1], "", f"{turns}",
            answered[0] == turns if turns else None,
        ),
    ]  # fmt: skip
    for kind, wanted in (("backchannel", False), ("interruption", True)):
        mine, theirs = ours.stopped.get(kind, []), stock.stopped.get(kind, [])
        goal = len(mine) if wanted else 0
        rows.append(
            FigureRow(
                f"the agent stops for {len(mine)} {kind}s",
                float(sum(mine)) if mine else None, float(sum(theirs)) if theirs else None,
                "", str(goal), sum(mine) == goal if mine else None,
            )
        )  # fmt: skip
    details = [f"talked over, by the pause's length: ours {ours.by_length()}"]
    details.append(f"stock {stock.by_length()}")
    if alone.delays:
        details.append(
            f"{PIPECAT}: {alone.over():.0f} % talked over (people {alone.over(True):.0f} %, "
            f"voices {alone.over(False):.0f} %), end of turn p50 {others.p50:.2f} s, "
            f"p95 {others.p95:.2f} s"
        )
    for name, each in measured.items():
        details += [f"{name}: {failure}" for failure in each.failures]
    raw = {name: vars(each) for name, each in {**measured, PIPECAT: alone}.items()}
    return Result(rows, details, raw)
