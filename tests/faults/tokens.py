"""Tokens that a page should not have got, made with the real key: the server's refusal is real."""

from __future__ import annotations

import json
import time

import jwt
from playwright.sync_api import Page, Route

from tests.running_system import System

MINUTE = 60


def token_for(system: System, room: str, identity: str, *, made_at: float | None = None) -> str:
    """A token for a room, good for ten minutes from `made_at` (now)."""
    at = int(time.time() if made_at is None else made_at)
    claims = {
        "iss": system.api_key,
        "sub": identity,
        "name": identity,
        "nbf": at,
        "exp": at + 10 * MINUTE,
        "video": {
            "roomJoin": True,
            "room": room,
            "canPublish": True,
            "canPublishData": True,
            "canSubscribe": True,
        },
    }
    return jwt.encode(claims, system.api_secret, algorithm="HS256")


def hand_out(page: Page, token: str) -> None:
    """From now on the proxy's answers to `page` carry this token instead of their own."""

    def instead(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=json.dumps({**answer.json(), "token": token}))

    page.route("**/api/token", instead)


def hand_out_own(page: Page) -> None:
    """The proxy's tokens reach the page again."""
    page.unroute("**/api/token")
