"""How the agent listens can be changed on the page for the next call, by everybody."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Request, expect

from tests.system.page.debug_page import DebugPage, debug_page


def opened(page: DebugPage) -> Locator:
    """The form, unfolded."""
    form = page.page.locator("listening-form")
    form.get_by_text("Listening").click()
    return form


def sent(request: Request) -> dict[str, Any]:
    body = request.post_data_json
    assert isinstance(body, dict)
    return body


def test_what_is_changed_is_kept_and_sent_with_the_dispatch(page: DebugPage) -> None:
    form = opened(page)
    threshold = form.get_by_label("Counts as speech from")
    expect(threshold).to_have_value("0.5")
    expect(form.get_by_label("Can be interrupted")).to_be_checked()
    expect(page.button("Reset")).to_be_disabled()
    threshold.fill("0.7")
    form.get_by_label("Can be interrupted").uncheck()
    expect(form).to_contain_text("2 changed")

    page.page.reload()
    form = opened(page)
    expect(threshold).to_have_value("0.7")
    with page.page.expect_request("**/api/dispatch-agent") as asked:
        page.connect()
    assert sent(asked.value)["settings"] == {"vad_threshold": 0.7, "interruption_enabled": False}
    page.button("Disconnect").click()

    page.button("Reset").click()
    expect(threshold).to_have_value("0.5")
    expect(form).not_to_contain_text("changed")
    with page.page.expect_request("**/api/dispatch-agent") as asked:
        page.connect()
    assert "settings" not in sent(asked.value)


def test_what_cannot_be_is_said_at_the_field_and_not_sent(page: DebugPage) -> None:
    form = opened(page)
    shorter = form.get_by_label("Answers after a sentence")
    shorter.fill("20")
    shorter.press("Tab")
    expect(form.get_by_role("alert").filter(has_text="From 0 to 10")).to_be_visible()
    shorter.fill("3")
    shorter.press("Tab")
    expect(form.get_by_role("alert").filter(has_text="At most 1.5")).to_be_visible()
    expect(form).not_to_contain_text("changed")
    page.button("Reset").click()
    expect(shorter).to_have_value("0.3")
    expect(form.get_by_role("alert").filter(has_text="At most")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_it_can_be_read_and_used_by_everybody(chromium: Browser, lonely: str, scheme: str) -> None:
    with debug_page(chromium, lonely, color_scheme=scheme, width=390, height=844) as page:
        page.open()
        form = opened(page)
        form.get_by_label("Counts as speech from").fill("7")
        form.get_by_label("Speech begins after").fill("0.1")
        expect(form).to_contain_text("From 0.01 to 0.99")
        page.assert_accessible()
        assert page.width_to_spare() >= 0
