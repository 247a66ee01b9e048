"""When a caller who pauses has finished: by how it sounded, and by what was said.

Silence alone cannot tell: people pause for a second within a sentence, and answer after a third of
one. Three signs are weighed. The words: hardly anybody ends with "and" or "the", and where
speech-to-text writes punctuation, a text without any is not whole. The sound: a model of melody and
pace (the models server's, dev/models/end_of_turn.py) listens to the last seconds. And whether a
text is still awaited: then nobody knows yet.

Without the models server the words alone decide. The word list is English; in other languages
every word can be the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time

import aiohttp
from livekit.agents import LanguageCode, llm
from livekit.agents.stt import STT
from livekit.agents.vad import VADEvent, VADEventType

from agent.settings import AgentSettings
from agent.speech.reports import Reports
from agent.speech.utterance_stream import text_is_there
from agent.speech.vad import SharedVAD

logger = logging.getLogger("agent.speech")

END_OF_TURN = "the end of a turn by sound"  # as it is called when a call must do without it
WORDS = """
    a an the my your our their its every each some any no another
    and or but nor because since although though unless until while if whether than as
    which whose when where
    of to in on at by for from with without about into onto between among through during
    before after against toward towards upon via like
    is are was were am be been i i'm you're we're they're i've i'd i'll
    it's that's there's what's who's let's
    very really quite just only named called mr mrs ms dr
    um uh er erm
"""
DANGLING = frozenset(WORDS.split())
# Words that do end sentences ("Yes, it is.", "What is it like?"): a full stop is believed there.
CAN_END = frozenset(
    "is are was were am be been i no any some each another like in on by to".split()  # noqa: SIM905
)
WHOLE = re.compile(r"[.!?\u3002\uff01\uff1f\u061f\u0964][\"'\u201d\u2019)\]]*$")
GOES_ON = re.compile(r"(\.\.\.|\u2026|[-,;:\u2013\u2014\u3001\uff0c])[\"'\u201d\u2019)\]]*$")

# What people say as a whole turn; of other single words more often come after them.
ANSWERS = frozenset(
    """
    yes no yeah yep nope okay ok sure right stop wait thanks hello hi hey bye goodbye please again
    """.split()  # noqa: SIM905
)
MOST_ANSWERED = 2  # words: "no thanks", "hello again"

# How finished it sounds, from 0 to 1, and the share of the way from the shortest delay
# (ENDPOINTING_MIN_DELAY) to the longest that is waited for more. It is judged once: after longer
# silence the model takes everything for finished.
SHARES = ((0.8, 0.0), (0.5, 0.25), (0.2, 0.55))
UNFINISHED_SHARE = 0.75  # of words that are whole, however they sound
ANSWER_SHARE = 0.15  # at most, of a short answer
WORD_SHARE = 0.25  # at least, of another single word
PATIENT_SHARE = 0.25  # at least, of a caller who went on lately
JUDGED_AFTER = 0.2  # seconds of silence
RESUMED = 1.2  # seconds of silence after which a caller who goes on was not finished
PATIENT = 30.0  # seconds
ANSWER_TIMEOUT = 0.6  # seconds for the model; a late answer is none
RESUMES = 0.15  # seconds for the detector to be sure that the caller speaks again
TEXT_TIMEOUT = 6.0  # seconds for a text that is awaited


def sounds_unfinished(text: str, *, punctuated: bool = False, english: bool = True) -> bool:
    """Whether more words are likely to come after these.

    `punctuated`: whoever wrote the text puts a full stop where one belongs.
    """
    text = text.rstrip()
    if GOES_ON.search(text):
        return True
    whole = WHOLE.search(text) is not None
    if text.endswith("!"):
        return False
    words = re.findall(r"[\w'-]+", text.lower())
    if not words:
        return False
    if whole:
        return english and words[-1] in DANGLING - CAN_END
    return punctuated or (english and words[-1] in DANGLING)


def is_answer(text: str) -> bool:
    """Whether it is a turn by itself, however short."""
    words = re.findall(r"[\w'-]+", text.lower())
    return 0 < len(words) <= MOST_ANSWERED and words[0] in ANSWERS


def share(probability: float) -> float:
    """How patient to be with a caller who sounds finished with this probability."""
    return next((wait for least, wait in SHARES if probability >= least), UNFINISHED_SHARE)


class Pause:
    """Follows the detector: since when the caller is silent, and how the end of it sounded."""

    def __init__(self, settings: AgentSettings, vad: SharedVAD, reports: Reports) -> None:
        self._url = f"{settings.models_url.rstrip('/')}/audio/end-of-turn"
        self._reports = reports
        self._vad = vad
        self._http: aiohttp.ClientSession | None = None
        self._judging: asyncio.Task[float | None] | None = None
        self.since: float | None = None  # on the monotonic clock; None while somebody speaks
        self.silent = asyncio.Event()
        self.went_on_after = 0.0  # seconds of silence, when the caller last went on
        vad.listeners.append(self._detected)

    async def aclose(self) -> None:
        self._forget()
        if self._http is not None:
            await self._http.close()

    async def finished(self) -> float | None:
        """The probability that it sounds finished; None when nobody knows."""
        if self._judging is None:
            self._judging = asyncio.create_task(self._judge(), name="end of turn")
        return await asyncio.shield(self._judging)

    async def lasts(self, seconds: float) -> None:
        """Returns when there has been so much silence."""
        if self.since is not None:
            await asyncio.sleep(self.since + seconds - time.monotonic())

    async def _judge(self) -> float | None:
        sound = bytes(self._vad.recent)
        try:
            if self._http is None:
                self._http = aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
                )
            async with self._http.post(self._url, data=sound) as response:
                answer = await response.json(content_type=None)
            if response.status == 503:
                self._reports.broken(
                    END_OF_TURN,
                    str(answer["error"]["message"]),
                    "the words alone decide when the caller has finished",
                )
                return None
            return float(answer["probability"])
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            logger.debug("%s: %s", self._url, error)  # its health is watched elsewhere
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("%s answered oddly: %r", self._url, error)
        return None

    def _detected(self, event: VADEvent) -> None:
        now = time.monotonic()
        if event.raw_accumulated_speech > 0 or event.type == VADEventType.START_OF_SPEECH:
            if self.since is not None:
                self.went_on_after = now - self.since
            self.since = None
            self.silent.clear()
            self._forget()
        elif self.since is None and event.raw_accumulated_silence > 0:
            self.since = now - event.raw_accumulated_silence
            self.silent.set()
        if (
            self.since is not None
            and self._judging is None
            and (event.speaking or event.type == VADEventType.END_OF_SPEECH)
            and event.raw_accumulated_silence >= JUDGED_AFTER
        ):
            # While the text is made, so that both are there when the shortest delay is over.
            self._judging = asyncio.create_task(self._judge(), name="end of turn")

    def _forget(self) -> None:
        if self._judging is not None:
            self._judging.cancel()
            self._judging = None


class EndOfTurn:
    """LiveKit's turn detector: returns 1 when the turn is over, or 0 to wait for the longest delay.

    LiveKit asks when the caller is silent and again with each text, and cancels the question when
    the caller goes on.
    """

    def __init__(
        self, settings: AgentSettings, stt: STT[object], vad: SharedVAD, reports: Reports
    ) -> None:
        self._shortest = settings.endpointing_min_delay
        self._longest = settings.endpointing_max_delay
        self._english = settings.stt_language.lower().startswith("en")
        self._stt = stt
        self._reports = reports
        self._pause = Pause(settings, vad, reports)
        self._punctuated = False
        self._ended = False  # the turn, as it was decided last
        self._patient_until = 0.0
        vad.listeners.append(self._detected)

    @property
    def model(self) -> str:
        return "smart-turn and words"

    @property
    def provider(self) -> str:
        return "local"

    async def aclose(self) -> None:
        await self._pause.aclose()

    async def unlikely_threshold(self, language: LanguageCode | None) -> float | None:
        return 0.5

    async def supports_language(self, language: LanguageCode | None) -> bool:
        return True

    async def predict_end_of_turn(
        self, chat_ctx: llm.ChatContext, *, timeout: float | None = None
    ) -> float:
        text = next(
            (
                item.text_content or ""
                for item in reversed(chat_ctx.items)
                if isinstance(item, llm.ChatMessage) and item.role == "user"
            ),
            "",
        )
        # A text that comes makes LiveKit ask anew; one that comes empty does not.
        await text_is_there(self._stt, TEXT_TIMEOUT)
        self._punctuated = self._punctuated or WHOLE.search(text.rstrip()) is not None
        probability = await self._pause.finished()
        patience = self._patience(text, probability)
        delay = self._shortest + patience * (self._longest - self._shortest)
        self._reports.emit(
            "hear", "end_of_turn", delay=round(delay, 2), probability=probability, text=text
        )
        if patience == 1.0:
            return 0.0
        await self._pause.lasts(delay)
        # The caller may have begun to speak again, of which the detector is not sure yet.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pause.silent.wait(), RESUMES)
        self._ended = True
        return 1.0

    def _patience(self, text: str, probability: float | None) -> float:
        """The share of the way from the shortest delay to the longest."""
        if is_answer(text):
            return ANSWER_SHARE if probability is None else min(share(probability), ANSWER_SHARE)
        if sounds_unfinished(text, punctuated=self._punctuated, english=self._english):
            return 1.0
        least = WORD_SHARE if len(text.split()) <= MOST_ANSWERED else 0.0
        if time.monotonic() < self._patient_until:
            least = PATIENT_SHARE
        return least if probability is None else max(least, share(probability))

    def _detected(self, event: VADEvent) -> None:
        """Learn from a caller who goes on after the turn was taken for ended."""
        if event.type == VADEventType.START_OF_SPEECH:
            if self._ended and self._pause.went_on_after < RESUMED:
                self._patient_until = time.monotonic() + PATIENT
            self._ended = False
