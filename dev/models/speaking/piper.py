"""A Piper voice: text in, clauses of phonemes; a clause in, its sound piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from piper import PiperVoice
from piper.config import PiperConfig

from dev.models.speaking.cut import parts

Samples = NDArray[np.float32]

# Frames to each side with which a piece is what it is in the whole: of sound, and of frames.
CONTEXT, FLOW_CONTEXT = 10, 34
AT_ONCE = 120  # frames of a clause that are made together
# A clause mark ends a clause only where much stands before it: a voice speaks best in sentences.
CLAUSE_MARKS = ",;:"
LONG_CLAUSE = 60  # phonemes
LOUDNESS = 0.08  # root mean square that every voice is brought to
SAMPLE = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Clause:
    ids: list[int]
    ends_sentence: bool


@dataclass
class Frames:
    """A clause before it is sound: what comes of its phonemes, and the frames made of that so far.
    `sound` has all of it where a voice cannot be cut. In all there will be `count` frames."""

    count: int
    prior: dict[str, Samples]
    made: Samples
    sound: Samples | None = None

    def are_made(self, end: int) -> bool:
        """Whether there are enough for the sound until frame `end`."""
        return self.sound is not None or self.made.shape[2] >= min(end + CONTEXT, self.count)


class Piper:
    """A voice in memory, for several threads at once; but each `Frames` for one at a time."""

    def __init__(self, model: Path) -> None:
        """Raises OSError, ValueError, KeyError, RuntimeError … for what is no voice."""
        raw = json.loads(model.with_name(f"{model.name}.json").read_text())
        self._config = PiperConfig.from_dict(raw)
        sessions = [_session(part) for part in parts(model) or [model]]
        self._text, self._cut = sessions[0], sessions[1:]
        self._phonemes = PiperVoice(session=self._text, config=self._config)
        self.name = model.stem
        self.rate = self._config.sample_rate
        self.speakers: list[str] = list(self._config.speaker_id_map)
        language = raw.get("language", {})
        self.language = str(language.get("family") or self._config.espeak_voice.split("-")[0])
        self.region = str(language.get("region") or "US").upper()
        self._gain = 1.0
        self._gain = self._measured_gain()

    def clauses(self, text: str) -> list[Clause]:
        """What is said one after the other; nothing for a text without anything to say."""
        clauses: list[Clause] = []
        for sentence in self._phonemes.phonemize(text):
            pieces = list(_pieces(sentence))
            for number, piece in enumerate(pieces, 1):
                if any(phoneme.isalnum() for phoneme in piece):
                    ids = self._phonemes.phonemes_to_ids(piece)
                    clauses.append(Clause(ids, number == len(pieces)))
        return clauses

    def frames(self, clause: Clause, pace: float, speaker: str = "") -> Frames:
        """`pace` 2 is twice as fast."""
        config = self._config
        scales = [config.noise_scale, config.length_scale / pace, config.noise_w_scale]
        given = {
            "input": np.array([clause.ids], np.int64),
            "input_lengths": np.array([len(clause.ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if config.num_speakers > 1:
            number = config.speaker_id_map.get(speaker, config.default_speaker_id)
            given["sid"] = np.array([number], np.int64)
        made = self._text.run(None, given)
        if not self._cut:
            sound = made[0].ravel()
            return Frames(-(-len(sound) // config.hop_length), {}, sound[:0], sound)
        names = [tensor.name for tensor in self._text.get_outputs()]
        return Frames(made[0].shape[2], dict(zip(names, made, strict=True)), made[0][:, :, :0])

    def make(self, frames: Frames, end: int) -> None:
        """Make what the sound until frame `end` needs: of a long clause only that, at first, and
        then all the rest."""
        have, end = frames.made.shape[2], min(end + CONTEXT, frames.count)
        if have or frames.count <= AT_ONCE:
            end = frames.count
        before, after = max(have - FLOW_CONTEXT, 0), min(end + FLOW_CONTEXT, frames.count)
        # What is as long as the clause is cut; who speaks is not.
        prior = {
            name: values[:, :, before:after] if values.shape[2:] == (frames.count,) else values
            for name, values in frames.prior.items()
        }
        made = _run(self._cut[0], prior)[:, :, have - before : end - before]
        frames.made = np.concatenate([frames.made, made], axis=2)

    def sound(self, frames: Frames, start: int, end: int) -> Samples:
        """The sound of some of the frames that are made, at `rate` and within -1 … 1."""
        hop = self._config.hop_length
        if frames.sound is not None:
            samples = frames.sound[start * hop : end * hop]
        else:
            before, after = max(start - CONTEXT, 0), min(end + CONTEXT, frames.count)
            made = _run(self._cut[1], frames.prior, frames.made[:, :, before:after])
            samples = made.ravel()[(start - before) * hop : (end - before) * hop]
        clipped: Samples = np.clip(self._gain * samples, -1.0, 1.0)
        return clipped

    def _measured_gain(self) -> float:
        """What brings this voice to LOUDNESS; the first sound takes several times as long, too."""
        (clause, *_) = self.clauses(SAMPLE)
        frames = self.frames(clause, 1.0)
        if not frames.are_made(frames.count):
            self.make(frames, frames.count)
        sound = self.sound(frames, 0, frames.count)
        return float(LOUDNESS / max(np.sqrt(np.mean(sound**2)), 1e-4))


def _pieces(sentence: list[str]) -> Iterator[list[str]]:
    """A sentence cut at clause marks where much stands before and after."""
    start = 0
    for place, phoneme in enumerate(sentence[:-1], 1):
        if phoneme in CLAUSE_MARKS and min(place - start, len(sentence) - place) >= LONG_CLAUSE:
            yield sentence[start:place]
            start = place
    yield sentence[start:]


def _run(
    session: InferenceSession, known: dict[str, Samples], frames: Samples | None = None
) -> Samples:
    """One part of a voice; the input that is not known is the frames."""
    names = [tensor.name for tensor in session.get_inputs()]
    made: Samples = session.run(None, {name: known.get(name, frames) for name in names})[0]
    return made


def _session(model: Path) -> InferenceSession:
    options = SessionOptions()
    # Two threads are hardly quicker; one that waits busily takes a core from the calls.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
