"""./scripts/talk: hold a spoken conversation with the agent, without a browser."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dev.caller.access import (
    CallError,
    ProxyAccess,
    models_url,
    proxy_url,
    values_in_use,
)
from dev.caller.caller import LISTEN_TIMEOUT_S, Caller
from dev.caller.ending import end_process, run
from dev.caller.sound import CallerVoice, Sound, read_wav, write_wav
from dev.caller.turn import Turn, turn_lines


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    # The SDK calls what happens at each leaving an error; what matters is told as a CallError.
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.CRITICAL)
    try:
        return run(_talk(options))
    except CallError as error:
        if options.json:
            print(json.dumps({"answered": False, "error": str(error)}))
        print(error, file=sys.stderr)
        return 1


async def _talk(options: argparse.Namespace) -> int:
    values = values_in_use(os.environ)
    access = ProxyAccess(options.proxy or proxy_url(values))
    sounds = [] if options.text else await _sounds(options, models_url(values))
    agent_id, agent = None, "the worker's own choice"
    if options.agent:
        async with access:
            agent_id, agent = await access.agent_named(options.agent)

    caller = Caller(access, options.room, agent_id, record=options.record is not None)
    try:
        async with caller:
            _tell(options, f"room {caller.room} at {access.url}, Letta agent: {agent}")
            listening = await caller.wait_until_listening(options.timeout)
            _tell(options, f"the agent listened {listening:.2f} s after the caller had connected")
            if options.text:
                for words in options.say:
                    _tell_turn(options, await caller.type(words, timeout=options.timeout))
            elif options.barge_in is None:
                for sound in sounds:
                    _tell_turn(options, await caller.say(sound, timeout=options.timeout))
            else:
                await _interrupting(caller, sounds, options)
    finally:
        if options.record is not None:
            path = options.folder / options.record
            write_wav(path, [caller.spoken, caller.recording])
            _tell(options, f"recorded in {path}: left the caller, right the agent")
    if options.json:
        print(json.dumps(_as_json(caller, access, agent), indent=2))
    return 0 if all(turn.answered for turn in caller.turns) else 1


async def _interrupting(caller: Caller, sounds: list[Sound], options: argparse.Namespace) -> None:
    """Each sentence but the first is spoken into the reply before it, where there is one."""
    for sound in sounds[:-1]:
        into = options.barge_in if caller.turns and caller.turns[-1].answered else None
        await caller.say(sound, barge_in_after=into, until="first_sound", timeout=options.timeout)
    into = options.barge_in if caller.turns and caller.turns[-1].answered else None
    await caller.say(sounds[-1], barge_in_after=into, timeout=options.timeout)
    for turn in caller.turns:  # only now is known what became of the interrupted ones
        _tell_turn(options, turn)


async def _sounds(options: argparse.Namespace, models_url: str) -> list[Sound]:
    """Everything to be said, made before the call: what is slow must not happen in it."""
    voice: CallerVoice | None = None
    sounds = []
    for words in options.say:
        if words.lower().endswith(".wav"):
            sounds.append(read_wav(options.folder / words))
        else:
            if voice is None:
                voice = CallerVoice(options.voice, models_url)
            sounds.append(await voice.speak(words))
    return sounds


def _tell(options: argparse.Namespace, line: str) -> None:
    if not options.json:
        print(line, flush=True)


def _tell_turn(options: argparse.Namespace, turn: Turn) -> None:
    for line in turn_lines(turn):
        _tell(options, line)


def _as_json(caller: Caller, access: ProxyAccess, agent: str) -> dict[str, Any]:
    return {
        "answered": all(turn.answered for turn in caller.turns),
        "room": caller.room,
        "proxy": access.url,
        "agent": agent,
        "listening_after_s": round(caller.listening_after_s or 0, 3),
        "turns": [turn.as_json() for turn in caller.turns],
        "events": [
            {key: value for key, value in event.items() if key != "arrived"}
            for event in caller.events
        ],
    }


EXAMPLES = """examples:
  ./scripts/talk "my favorite color is green" "what is my favorite color"
  ./scripts/talk question.wav --record call.wav
  ./scripts/talk --barge-in 1 "tell me a long story" "stop" --json

Ends with 0 only if every sentence was answered with sound."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./scripts/talk",
        description="Hold a spoken conversation with the agent, without a browser.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("say", nargs="+", metavar="SENTENCE|FILE.wav", help="what to say, in order")
    add("--room", type=_room, help="name of the room (default: a new one)")
    add("--agent", metavar="NAME|ID", help="Letta agent (default: the worker's)")
    add("--proxy", metavar="URL", help="address of the proxy (default: the settings')")
    add("--text", action="store_true", help="type the sentences, do not speak them")
    add("--voice", help="voice of the caller: one of flite's, or piper")
    into = "begin each next sentence this long after the reply began to sound"
    add("--barge-in", type=_seconds, metavar="SECONDS", help=into)
    wait = "how long to wait for the agent, and for each reply (default: %(default)g)"
    add("--timeout", type=_seconds, metavar="SECONDS", default=LISTEN_TIMEOUT_S, help=wait)
    record = "write the call as stereo: left the caller, right the agent"
    add("--record", type=Path, metavar="FILE.wav", help=record)
    add("--json", action="store_true", help="print one JSON object at the end")
    add("--debug", action="store_true", help="show the LiveKit SDK's log as well")
    # scripts/talk changes to the checkout; file names are the person's.
    add("--folder", type=Path, default=Path(), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.text and options.barge_in is not None:
        parser.error("--barge-in speaks into a reply; it does not go with --text")
    if options.text and any(each.lower().endswith(".wav") for each in options.say):
        parser.error("--text types sentences; a WAV file cannot be typed")
    return options


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 600")
    return seconds


def _room(text: str) -> str:
    if not 1 <= len(text) <= 128 or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not 1 to 128 printable characters")
    return text


if __name__ == "__main__":
    end_process(main(sys.argv[1:]))
