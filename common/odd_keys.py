"""What the value of a key looks like when it is not that key. Standard library only.

Only the beginning of a value is looked at, and nothing of it is ever told.
"""

from __future__ import annotations

from collections.abc import Mapping

OWNERS = (  # the longer beginnings first
    ("sk-ant-", "Anthropic"),
    ("sk-let-", "Letta Cloud"),
    ("sk-or-", "OpenRouter"),
    ("sk_car_", "Cartesia"),
    ("sk-", "OpenAI"),
    ("gsk_", "Groq"),
    ("hf_", "Hugging Face"),
    ("AIza", "Google"),
    ("xai-", "xAI"),
    ("pplx-", "Perplexity"),
    ("ghp_", "GitHub"),
    ("github_pat_", "GitHub"),
    ("AKIA", "Amazon Web Services"),
)
OF = {"OPENAI_API_KEY": "OpenAI", "LETTA_API_KEY": "Letta Cloud"}
ANY_OWNER = ("OPENAI_API_KEY",)
"""Keys of whatever speaks OpenAI's protocol, when its address is not OpenAI's own."""
PLACEHOLDERS = ("your", "<", "xxx", "changeme", "change-me", "todo", "...", "…")
SECRET_LENGTH = 32
KEYS = ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LETTA_API_KEY", "OPENAI_API_KEY")


def looks_like(name: str, environ: Mapping[str, str]) -> str:
    """What the value of this key looks like instead, as the end of a sentence; empty when it may
    be one."""
    value = environ.get(name, "")
    if not value:
        return ""
    if value != value.strip():
        return "it has a space or a line end around it"
    if value[0] in "\"'“”‘’`" or value[-1] in "\"'“”‘’`":
        return "it has quotation marks around it"
    if "://" in value:
        return "it looks like an address, not like a key"
    if any(character.isspace() for character in value):
        return "it has a space or a line end within it"
    if value.lower().startswith(PLACEHOLDERS):
        return "it looks like the placeholder of an example"
    if value.split("=")[0].upper() in KEYS and "=" in value:
        return "it begins with the name of a setting"
    if name.startswith("LIVEKIT_") and _are_exchanged(environ):
        return "it looks as if LIVEKIT_API_KEY and LIVEKIT_API_SECRET were exchanged"
    owner = next((owner for begin, owner in OWNERS if value.startswith(begin)), "")
    if not owner or owner == OF.get(name):
        return ""
    elsewhere = environ.get("OPENAI_BASE_URL", "")
    if name in ANY_OWNER and elsewhere and "api.openai.com" not in elsewhere:
        return ""
    return f"it looks like a key of {owner}"


def _are_exchanged(environ: Mapping[str, str]) -> bool:
    """A key is short, a secret is long; LiveKit Cloud's keys begin with API."""
    key, secret = environ.get("LIVEKIT_API_KEY", ""), environ.get("LIVEKIT_API_SECRET", "")
    if not key or not secret:
        return False
    begins = secret.startswith("API") and not key.startswith("API")
    return begins or (len(key) >= SECRET_LENGTH > len(secret))
