"""What is said of a calls database that does not do its work."""

from __future__ import annotations

from typing import Literal

Problem = Literal["not-writable", "locked", "disk-full", "other"]


class StoreTrouble(Exception):
    """The calls database cannot be used; `detail` says which, why and what to do next."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem: Problem = problem
        self.detail = detail
