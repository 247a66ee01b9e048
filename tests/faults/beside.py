"""Coroutines from a test that is synchronous: each in a loop and a thread of its own.

Playwright has a loop in the thread of the tests already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
LIMIT_S = 30.0


def beside(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end and return what it returns."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result(LIMIT_S)
