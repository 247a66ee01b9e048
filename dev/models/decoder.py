"""One session's decoder, in a process of its own: pocketsphinx holds the interpreter's lock.

Over the connection come bytes: `N` begins a session (a new voice), `S` an utterance, `A` + PCM
(16 kHz, 16 bit, mono) is audio, `E` ends the utterance. Back go dicts: {"took": bytes decoded,
"text": so far} for each `A`, {"final": text} for each `E`.
"""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection


def serve(connection: Connection) -> None:
    """Decode what comes over `connection` until it closes."""
    from dev.models.acoustics import DECODER, FIRST_MEAN  # loaded by the fork server already

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    open_, text = False, ""
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return
        kind, audio = message[:1], message[1:]
        if kind == b"A":
            if not open_:
                DECODER.start_utt()
                open_ = True
            DECODER.process_raw(audio, False, False)
            heard = DECODER.hyp()
            text = heard.hypstr if heard else text
            connection.send({"took": len(audio), "text": text})
            continue
        if open_:
            DECODER.end_utt()
        if kind == b"E":
            heard = DECODER.hyp() if open_ else None
            connection.send({"final": heard.hypstr if heard else ""})
        elif kind == b"N":
            DECODER.set_cmn(FIRST_MEAN)
        open_, text = False, ""
