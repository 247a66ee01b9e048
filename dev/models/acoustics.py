"""pocketsphinx's models, loaded by importing this module (0.3 s, 60 MB).

Only the fork server imports it, before any decoder process is forked, so that all of them share it.
"""

from __future__ import annotations

from pocketsphinx import Decoder

RATE = 16_000
# Two of four Gaussians and narrower word beams: a sixth less CPU at the same word error rate.
CONFIG = {"topn": 2, "wbeam": 1e-22, "lponlybeam": 1e-22, "fwdflatlw": 9.5}
# Cepstral mean that a new voice begins with; the decoder adapts it from utterance to utterance.
FIRST_MEAN = "40,3,-1"

DECODER = Decoder(samprate=RATE, loglevel="FATAL", **CONFIG)
