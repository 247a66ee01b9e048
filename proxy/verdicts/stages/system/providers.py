"""Providers of speech and language that refuse us: by a probe, or by an error in a call."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import stage
from proxy.verdicts.system_health import ProbeResult
from proxy.verdicts.verdict import Verdict

PARTS = {
    "speech-to-text": ("transcribe.error", ("transcribe.transcript",)),
    "text-to-speech": ("speak.error", ("speak.first_byte",)),
    "chat model": ("think.error", ("think.first_token", "think.done")),
}
"""For each probe, the event by which a call tells of an error, and those that show it works."""
REJECTED = (401, 403)
TRIED_AGAIN_S = 2.0


@stage.cause("provider-key-rejected")
def key_rejected(call: CallView) -> Verdict | None:
    for part in PARTS:
        probe = call.probe(part)
        if probe is not None and probe.problem in ("rejected", "missing"):
            return stage.failing(
                f"The provider of {part} ({probe.target}) rejects the key "
                f"({probe.status or probe.detail}).",
                f"{_key(part)} Then ./restart_voice_system.sh agent",
                quote.probe(probe),
                _error(call, part, "rejected", REJECTED, ("llm_authentication",)),
                since=probe.at,
            )
        error = _error(call, part, "rejected", REJECTED, ("llm_authentication",))
        if error is not None and not _mended(error, probe):
            return stage.failing(
                f"The provider of {part} rejects the key: {error.data.get('message')}.",
                f"{_key(part)} Then ./restart_voice_system.sh agent",
                error,
                since=error.at,
            )
    return None


@stage.cause("provider-rate-limited")
def rate_limited(call: CallView) -> Verdict | None:
    for part in PARTS:
        probe = call.probe(part)
        error = _error(call, part, "rate-limited", (429,), ("llm_rate_limit",))
        step = (
            "Wait a minute; then hold fewer calls at once, or raise the limit with the provider "
            "(its console shows it)."
        )
        if error is not None and not _mended(error, probe):
            if error.data.get("recoverable") is True and call.age(error) < TRIED_AGAIN_S:
                continue
            return stage.failing(
                f"The provider of {part} limits the rate of requests: {error.data.get('message')}.",
                step,
                error,
                since=error.at,
            )
        if probe is not None and probe.problem == "rate-limited":
            return stage.failing(
                f"The provider of {part} ({probe.target}) limits the rate of requests "
                f"({probe.status or 429}).",
                step,
                quote.probe(probe),
                since=probe.at,
            )
    return None


def _error(
    call: CallView, part: str, kind: str, statuses: tuple[int, ...], codes: tuple[str, ...]
) -> Event | None:
    """The last error of that part, when it is of this kind and nothing has worked since."""
    topic, works = PARTS[part]
    error = call.last(topic)
    if error is None or call.after(error, *works) is not None:
        return None
    if part == "chat model" and error.data.get("code") == "letta_unauthorized":
        return None  # that key is Letta's
    data = error.data
    fits = data.get("kind") == kind or data.get("status") in statuses or data.get("code") in codes
    return error if fits else None


def _mended(error: Event, probe: ProbeResult | None) -> bool:
    """Whether the provider was asked after the error, and all was well."""
    return probe is not None and probe.ok and probe.at is not None and probe.at > error.at + 1.0


def _key(part: str) -> str:
    if part == "chat model":
        return "Give Letta a valid key for the model of this agent (its provider settings)."
    return "Set OPENAI_API_KEY (or the key of the provider you chose) in .env to a valid one."
