"""What a key looks like that is none: exchanged, quoted, an address, somebody else's."""

from __future__ import annotations

import pytest

from common.odd_keys import looks_like

LONG = "f" * 43


@pytest.mark.parametrize(
    ("name", "environ", "told"),
    [
        ("OPENAI_API_KEY", {"OPENAI_API_KEY": "sk-proj-abc"}, ""),
        ("OPENAI_API_KEY", {"OPENAI_API_KEY": "sk-ant-abc"}, "a key of Anthropic"),
        ("OPENAI_API_KEY", {"OPENAI_API_KEY": "gsk_abc"}, "a key of Groq"),
        (
            "OPENAI_API_KEY",
            {"OPENAI_API_KEY": "gsk_abc", "OPENAI_BASE_URL": "https://api.groq.com/openai/v1"},
            "",
        ),
        ("OPENAI_API_KEY", {"OPENAI_API_KEY": "https://api.openai.com"}, "an address"),
        ("OPENAI_API_KEY", {"OPENAI_API_KEY": "OPENAI_API_KEY=sk-1"}, "the name of a setting"),
        ("OPENAI_API_KEY", {"OPENAI_API_KEY": "your-key-here"}, "placeholder"),
        ("LETTA_API_KEY", {"LETTA_API_KEY": "sk-let-abc"}, ""),
        ("LETTA_API_KEY", {"LETTA_API_KEY": "sk-abc"}, "a key of OpenAI"),
        ("LETTA_API_KEY", {"LETTA_API_KEY": "“sk-let-abc”"}, "quotation marks"),
        ("LETTA_API_KEY", {"LETTA_API_KEY": "sk-let-abc\r"}, "a line end around it"),
        ("LETTA_API_KEY", {"LETTA_API_KEY": "sk-let-a\nbc"}, "a line end within it"),
        ("LETTA_API_KEY", {}, ""),
        (
            "LIVEKIT_API_SECRET",
            {"LIVEKIT_API_KEY": LONG, "LIVEKIT_API_SECRET": "APIabcdef"},
            "exchanged",
        ),
        (
            "LIVEKIT_API_SECRET",
            {"LIVEKIT_API_KEY": "x" * 40, "LIVEKIT_API_SECRET": "short"},
            "exchanged",
        ),
        (
            "LIVEKIT_API_SECRET",
            {"LIVEKIT_API_KEY": "APIabcdef", "LIVEKIT_API_SECRET": LONG},
            "",
        ),
        (
            "LIVEKIT_API_KEY",
            {"LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": "123456789012345678"},
            "",
        ),
    ],
)
def test_what_it_looks_like(name: str, environ: dict[str, str], told: str) -> None:
    said = looks_like(name, environ)
    assert (told in said) if told else not said, said
    assert not environ.get(name) or environ[name] not in said
