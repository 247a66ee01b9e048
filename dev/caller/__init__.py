"""A caller made of code: joins a room as a person would, speaks in real time, times what it hears.

async with Caller("http://localhost:9000", room="r") as caller:
    await caller.wait_until_listening()
    turn = await caller.say("my favorite color is green")
    print(turn.heard_text, turn.reply, turn.first_sound_s, turn.split)
"""

from dev.caller.access import Access, CallError, ProxyAccess, ServerAccess
from dev.caller.caller import Caller
from dev.caller.sound import Sound
from dev.caller.turn import Turn

__all__ = ["Access", "CallError", "Caller", "ProxyAccess", "ServerAccess", "Sound", "Turn"]
