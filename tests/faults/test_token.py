"""token: the page got one that is not for its call."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.faults.conftest import NewFault
from tests.faults.fault import of_room
from tests.faults.tokens import hand_out, hand_out_own, token_for
from tests.running_system import System
from tests.system.page.debug_page import DebugPage


def test_the_token_is_for_another_room(
    faulty: System, faulty_page: DebugPage, new_fault: NewFault
) -> None:
    fault = new_fault("token", "token-room-mismatch", "the page got a token for another room")
    page = faulty_page
    room, other = page.room, "another-room"
    hand_out(page.page, token_for(faulty, other, "caller-elsewhere"))
    page.button("Connect").click()
    expect(page.button("Connect")).to_be_enabled()
    fault.breaks()
    told = fault.named(of_room(faulty.proxy_url, room))
    assert room in told["sentence"] and other in told["sentence"], told
    hand_out_own(page.page)
    page.room_field.fill(room)
    page.connect()
    fault.cleared(of_room(faulty.proxy_url, room))
