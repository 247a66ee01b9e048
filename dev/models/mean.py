"""The cepstral mean of a voice and its microphone, which the decoder subtracts before it compares.

The decoder's own estimate begins with a constant that weighs five seconds of speech, so that a new
voice is understood badly for three or four utterances (one word in four wrong, instead of one in
twenty). Here it is measured from the first second of the first utterance, and then from all that
was understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Of the human voices that the wheel's acoustic model was made from.
OF_ANYONE = (41.00, -5.29, -0.12, 5.09, 2.48, -4.07, -1.37, -1.78, -5.08, -2.05, -6.45, -1.42, 1.17)
OF_ANYONE_FRAMES = 30
# The voice may be another one after a while: no more than the last ten seconds count.
MOST_FRAMES = 1000
# pocketsphinx's constants CMN_WIN and CMN_WIN_HWM - CMN_WIN: what it was given weighs so many
# frames, and after so many more it begins to forget.
GIVEN_WEIGHS = 500
EXACT_FRAMES = 300


@dataclass
class Mean:
    """The mean so far. `text` is in the form of Decoder.set_cmn and get_cmn."""

    frames: float = OF_ANYONE_FRAMES
    values: list[float] = field(default_factory=lambda: list(OF_ANYONE))

    @property
    def text(self) -> str:
        return ",".join(f"{value:.3f}" for value in self.values)

    def learn(self, given: Mean, after: str, frames: int) -> None:
        """Take in `frames` frames: the decoder began them with `given`, and has `after` now."""
        if frames == 0:
            return
        heard = [float(value) for value in after.split(",")]
        if frames <= EXACT_FRAMES:  # undo the decoder's mixing
            heard = [
                ((GIVEN_WEIGHS + frames) * mixed - GIVEN_WEIGHS * first) / frames
                for mixed, first in zip(heard, given.values, strict=True)
            ]
        total = self.frames + frames
        self.values = [
            (self.frames * old + frames * new) / total
            for old, new in zip(self.values, heard, strict=True)
        ]
        self.frames = min(total, MOST_FRAMES)
