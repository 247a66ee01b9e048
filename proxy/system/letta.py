"""Letta: does it answer, and does it take our key?"""

from __future__ import annotations

from dataclasses import replace

from proxy.settings import ProxySettings
from proxy.system.questions import OWN_KEYS_EVERY_S, Questions
from proxy.verdicts.health import Probe

KEY = "letta key"


async def answers(
    settings: ProxySettings, questions: Questions, max_age: float | None = None
) -> Probe:
    return await questions.ask(settings.letta_base_url + "/v1/health/", max_age=max_age)


async def key(settings: ProxySettings, questions: Questions) -> Probe | None:
    """Whether Letta takes LETTA_API_KEY, or wants one; None when it did not answer the question.

    It is asked for the number of its agents, the cheapest thing that it guards.
    """
    secret = settings.letta_api_key
    found = await questions.ask(
        settings.letta_base_url + "/v1/agents/count",
        key=secret.get_secret_value() if secret is not None else "",
        max_age=OWN_KEYS_EVERY_S,
    )
    if found.problem in ("rejected", "missing", "rate-limited"):
        return replace(found, name=KEY, target=settings.letta_base_url)
    if found.status is None or found.status >= 500:
        return None
    return replace(found, name=KEY, problem="", target=settings.letta_base_url)
