"""The debug page as a caller: its microphone says what a test wants, when the test wants it."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

from playwright.sync_api import expect

from dev.caller.sound import RATE
from tests.faults.beside import beside
from tests.faults.call import VOICE
from tests.system.page.browser import KEEP_CONNECTIONS, SOUND_ENERGY
from tests.system.page.debug_page import DebugPage

LISTENS = "Agent connected! Start speaking..."
TRY_S, ANSWER_S = 5.0, 15.0
WRITTEN_MS = 5000
AUDIBLE = 0.0005
"""Energy that a second of speech has many times over, and comfort noise never."""

# The noise that every real microphone makes: one without any is taken for a broken one.
MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  await context.resume();
  const microphone = context.createMediaStreamDestination();
  const play = (buffer, loop) => {
    const source = new AudioBufferSourceNode(context, { buffer, loop });
    source.connect(microphone);
    source.start();
    return new Promise((resolve) => source.addEventListener('ended', resolve));
  };
  const noise = context.createBuffer(1, context.sampleRate, context.sampleRate);
  noise.getChannelData(0).forEach((_, at, all) => (all[at] = (Math.random() - 0.5) / 2500));
  play(noise, true);
  window.say = async (wav) => {
    const bytes = Uint8Array.from(atob(wav), (each) => each.charCodeAt(0));
    await play(await context.decodeAudioData(bytes.buffer), false);
  };
  return microphone.stream;
};
"""


class SpeakingPage:
    """A tab in a call. `made` before the page is loaded."""

    def __init__(self, debug: DebugPage) -> None:
        self.debug = debug
        self.page = debug.page
        self.page.add_init_script(KEEP_CONNECTIONS + MICROPHONE)

    def connect(self, room: str | None = None) -> None:
        """Open the page, and press Connect; return when it is in the room."""
        self.debug.open()
        if room is not None:
            self.debug.room_field.fill(room)
        self.room = self.debug.room
        self.debug.connect()

    def listening(self, room: str | None = None) -> None:
        """Open the page, connect; return when the agent listens."""
        self.connect(room)
        expect(self.debug.status).to_have_text(LISTENS)
        expect(self.debug.console).to_contain_text("Microphone enabled successfully!")

    def ask(self) -> dict[str, Any]:
        """The verdicts, asked from within the page: outside of its network nobody can."""
        answer: dict[str, Any] = self.page.evaluate(
            "room => fetch(`/api/rooms/${room}/verdicts`).then((answer) => answer.json())",
            self.room,
        )
        return answer

    def timeline(self) -> list[dict[str, Any]]:
        """What has happened in the call, oldest first."""
        events: list[dict[str, Any]] = self.page.evaluate(
            """async (room) => {
              const { calls } = await (await fetch('/api/calls')).json();
              const { id } = calls.find((each) => each.room === room);
              return (await (await fetch(`/api/calls/${id}?format=json`)).json()).events;
            }""",
            self.room,
        )
        return events

    def begin(self, words: str) -> None:
        """Begin to speak; return at once."""
        self.page.evaluate("wav => { window.said = window.say(wav) }", _wav(words))

    def say(self, words: str) -> None:
        """Speak; return with the last word."""
        self.page.evaluate("wav => window.say(wav)", _wav(words))

    def write(self, words: str) -> None:
        """Type them, and send."""
        message = self.page.get_by_role("textbox", name="Message")
        message.fill(words)
        message.press("Enter")

    def heard(self, *, within_s: float) -> bool:
        """Whether sound of the agent comes within so many seconds from now; returns with it."""
        return bool(
            self.page.evaluate(
                f"""async ([more, ms]) => {{
                  const energy = {SOUND_ENERGY};
                  const before = await energy();
                  const end = performance.now() + ms;
                  for (;;) {{
                    const late = performance.now() >= end;
                    if (await energy() > before + more) return true;
                    if (late) return false;
                    await new Promise((resolve) => setTimeout(resolve, 50));
                  }}
                }}""",
                [AUDIBLE, within_s * 1000],
            )
        )

    def answered(self, words: str, *, tries: int = 1) -> int:
        """Say it until the agent is heard; how often it had to be said.

        It is not said again while the agent thinks about what it has heard.
        """
        mine = self.debug.conversation.locator("[data-who=caller]")
        for number in range(1, tries + 1):
            before = mine.count()
            self.say(words)
            if self.heard(within_s=TRY_S):
                return number
            if (number == tries or mine.count() > before) and self.heard(within_s=ANSWER_S):
                return number
        raise AssertionError(f"no answer to {words!r}, said {tries} times")

    def quiet(self) -> None:
        """Return when the agent listens again."""
        self.page.wait_for_function(
            """() => [...document.querySelectorAll('[role=log] .line > span')]
              .map((each) => each.textContent).filter((each) => each.startsWith('Agent state:'))
              .at(-1)?.endsWith('→ listening')"""
        )

    def last_reply(self) -> str:
        """What the agent said last, as the page shows it now."""
        return self.debug.conversation.locator("[data-who=agent]").last.inner_text()

    def says(self, word: str) -> bool:
        """Whether the last reply has this word, or has it soon."""
        last = self.debug.conversation.locator("[data-who=agent]").last
        try:
            expect(last).to_contain_text(word, ignore_case=True, timeout=WRITTEN_MS)
        except AssertionError:
            return False
        return True


def _wav(words: str) -> str:
    sound = beside(VOICE.speak(words))
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(RATE)
        target.writeframes(sound.samples.tobytes())
    return base64.b64encode(file.getvalue()).decode()
