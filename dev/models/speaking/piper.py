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

from dev.models.speaking.cut import halves

Samples = NDArray[np.float32]

CONTEXT = 10  # frames to each side with which a piece sounds as it does in the whole
# A clause mark ends a clause only where much stands before it: a voice speaks best in sentences.
CLAUSE_MARKS = ",;:"
FIRST_CLAUSE, LATER_CLAUSE = 30, 150  # phonemes
LOUDNESS = 0.08  # root mean square that every voice is brought to
SAMPLE = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Clause:
    ids: list[int]
    ends_sentence: bool


@dataclass(frozen=True)
class Frames:
    """A clause before it is sound: the frames, and what else the second half wants."""

    inputs: dict[str, NDArray[np.float32]]
    count: int


class Piper:
    """A voice in memory. Not for two threads at once."""

    def __init__(self, model: Path) -> None:
        """Raises OSError, ValueError, KeyError, RuntimeError … for what is no voice."""
        raw = json.loads(model.with_name(f"{model.name}.json").read_text())
        self._config = PiperConfig.from_dict(raw)
        cut = halves(model)
        self._first = _session(cut[0] if cut else model)
        self._second = _session(cut[1]) if cut else None
        self._phonemes = PiperVoice(session=self._first, config=self._config)
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
            parts = list(_parts(sentence, FIRST_CLAUSE if not clauses else LATER_CLAUSE))
            for number, part in enumerate(parts, 1):
                if any(phoneme.isalnum() for phoneme in part):
                    ids = self._phonemes.phonemes_to_ids(part)
                    clauses.append(Clause(ids, number == len(parts)))
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
        made = self._first.run(None, given)
        if self._second is None:
            sound = made[0].ravel()
            return Frames({"": sound}, -(-len(sound) // config.hop_length))
        names = [tensor.name for tensor in self._second.get_inputs()]
        return Frames(dict(zip(names, made, strict=True)), made[0].shape[2])

    def sound(self, frames: Frames, start: int, end: int) -> Samples:
        """The sound of some of the frames, at `rate` and within -1 … 1."""
        hop = self._config.hop_length
        name, values = next(iter(frames.inputs.items()))
        if self._second is None:
            samples = values[start * hop : end * hop]
        else:
            before, after = max(start - CONTEXT, 0), min(end + CONTEXT, frames.count)
            given = {**frames.inputs, name: values[:, :, before:after]}
            made = self._second.run(None, given)[0].ravel()
            samples = made[(start - before) * hop : (end - before) * hop]
        clipped: Samples = np.clip(self._gain * samples, -1.0, 1.0)
        return clipped

    def _measured_gain(self) -> float:
        """What brings this voice to LOUDNESS; the first sound takes several times as long, too."""
        (clause, *_) = self.clauses(SAMPLE)
        frames = self.frames(clause, 1.0)
        sound = self.sound(frames, 0, frames.count)
        return float(LOUDNESS / max(np.sqrt(np.mean(sound**2)), 1e-4))


def _parts(sentence: list[str], least: int) -> Iterator[list[str]]:
    """A sentence cut at clause marks, each part but the last of at least so many phonemes."""
    start = 0
    for place, phoneme in enumerate(sentence[:-1], 1):
        if phoneme in CLAUSE_MARKS and min(place - start, len(sentence) - place) >= least:
            yield sentence[start:place]
            start, least = place, LATER_CLAUSE
    yield sentence[start:]


def _session(model: Path) -> InferenceSession:
    options = SessionOptions()
    # Two threads are hardly quicker; one that waits busily takes a core from the calls.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
