"""A reply on its way through text-to-speech, reported as events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable

from livekit import rtc

from agent.events import Events
from agent.speech.answers import SILENT, loudest
from agent.speech.clauses import next_cut
from agent.speech.levels import clipped
from agent.turns import SpeechOwner

STALL_TIMEOUT = 3.0  # seconds without sound of a text that is there


class SpokenText:
    """One text on its way through text-to-speech, reported as `speak` events: request, first
    sound, end, and stall (no sound, though there is text left).

    `owner` returns whose text it is. It is called when there is text: the turn may begin after
    text-to-speech was opened.
    """

    def __init__(self, events: Events, owner: Callable[[], SpeechOwner]) -> None:
        self._events = events
        self._find_owner = owner
        self._owner: SpeechOwner | None = None
        self._requested_at = 0.0
        self._over = False
        self.more_text_comes = False  # the text is not complete
        self._watch: asyncio.TimerHandle | None = None
        self._stalled = False
        self.seconds = 0.0  # of sound so far
        self.level = 0.0  # of its loudest 20 ms, from 0 to 1
        self._samples = self._clipped = 0

    @property
    def is_audible(self) -> bool:
        return self.level >= SILENT

    def add_sound(self, frame: rtc.AudioFrame) -> None:
        """Sound as it comes: a reply begins with the first that can be heard."""
        was_audible = self.is_audible
        self.seconds += frame.duration
        self.level = max(self.level, loudest(frame.data, frame.sample_rate))
        self._samples += frame.samples_per_channel * frame.num_channels
        self._clipped += clipped(frame.data)
        if self.is_audible and not was_audible:
            self._first_byte()

    def await_sound(self) -> None:
        """Text-to-speech is asked for the next sound: a stall counts from now."""
        self._watch = asyncio.get_running_loop().call_later(STALL_TIMEOUT, self._report_stall)

    def sound_arrived(self) -> None:
        """The sound is there, or there is no more."""
        if self._watch is not None:
            self._watch.cancel()
        if self._stalled:
            self._stalled = False
            self._events.emit("speak", "resumed", turn=self._turn)

    def add_text(self, text: str, whole: bool = False) -> None:
        """`text` is all that is written so far; text-to-speech begins with the first clause."""
        if self._owner is not None or not text.strip():
            return
        if (cut := next_cut(text, first=True)) or whole:
            self._begin(text[: cut or len(text)].strip())

    def _first_byte(self) -> None:
        owner = self._owner or self._begin("")  # text-to-speech that does not wait for clauses
        now = time.time()
        ms = owner.first_sound(now) if owner.first_sound else (now - self._requested_at) * 1000
        self._events.emit("speak", "first_byte", turn=owner.turn, ms=round(ms, 1))

    def done(self) -> None:
        """All of it is sound; the caller has not heard all of that yet."""
        share = self._clipped / self._samples if self._samples else 0.0
        self._end(
            seconds=round(self.seconds, 2), level=round(self.level, 4), clipped=round(share, 4)
        )

    def failed(self) -> None:
        """Text-to-speech failed; the event of that comes from its reports."""
        self._over = True

    def close(self) -> None:
        """The reply was interrupted, unless it is done."""
        if self._watch is not None:
            self._watch.cancel()
        self._end(interrupted=True)

    @property
    def _turn(self) -> int | None:
        return self._owner.turn if self._owner is not None else None

    def _report_stall(self) -> None:
        if self.more_text_comes or self._owner is None:
            self.await_sound()  # all text there is has been spoken
            return
        self._stalled = True
        self._events.emit("speak", "stalled", turn=self._turn, seconds=STALL_TIMEOUT)

    def _begin(self, text: str) -> SpeechOwner:
        self._owner, self._requested_at = self._find_owner(), time.time()
        self._events.emit("speak", "request", turn=self._owner.turn, text=text)
        return self._owner

    def _end(self, **how: float) -> None:
        if self._owner is not None and not self._over:
            ms = round((time.time() - self._requested_at) * 1000, 1)
            self._events.emit("speak", "done", turn=self._owner.turn, ms=ms, **how)
        self._over = True


async def next_frame(
    frames: AsyncGenerator[rtc.AudioFrame, None], spoken_text: SpokenText
) -> rtc.AudioFrame | None:
    """The next sound; None when there is no more. A stall becomes an event."""
    spoken_text.await_sound()
    try:
        return await anext(frames, None)
    finally:
        spoken_text.sound_arrived()


class ReplyText:
    """Passes the text of a reply on to text-to-speech, and keeps it."""

    def __init__(self, text: AsyncIterable[str], spoken_text: SpokenText) -> None:
        self.text = ""
        self._spoken_text = spoken_text
        self._source = aiter(text)

    def __aiter__(self) -> ReplyText:
        return self

    async def __anext__(self) -> str:
        self._spoken_text.more_text_comes = True
        try:
            piece = await anext(self._source)
        except StopAsyncIteration:
            self._spoken_text.add_text(self.text, whole=True)
            raise
        finally:
            self._spoken_text.more_text_comes = False
        self.text += piece
        self._spoken_text.add_text(self.text)
        return piece

    async def rest(self) -> None:
        async for _ in self:
            pass
