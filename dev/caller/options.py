"""The command line of ./scripts/talk."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dev.caller.caller import LISTEN_TIMEOUT_S

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
    add("--voice", help="voice of the caller: one of flite's, or espeak")
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
