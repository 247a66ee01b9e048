"""Settings: defaults, what is derived from them, and how a wrong one is told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from common.settings import SettingsError, as_text
from proxy import settings
from proxy.settings import ProxySettings
from proxy.timeline.store.database import database_url_of


@pytest.fixture(autouse=True)
def nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ProxySettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_every_setting_has_a_default_and_a_help() -> None:
    for name, field in ProxySettings.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name
        assert field.description.endswith("."), name


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_PORT", "")
    monkeypatch.setenv("LETTA_API_KEY", "")
    loaded = settings.load()
    assert (loaded.proxy_port, loaded.letta_api_key) == (9000, None)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PROXY_PORT", "ninety", "the value 'ninety', which is not a whole number; set it to a"),
        ("PROXY_PORT", "0", "the value '0', which is not at least 1; set it to at least 1, such"),
        ("PROXY_PORT", "99999", "which is not at most 65535"),
        ("LIVEKIT_URL", "localhost:7880", "which is not an address such as ws://HOST:PORT"),
        ("LETTA_BASE_URL", "ws://localhost", "which is not an address such as http://HOST:PORT"),
        ("AGENT_JOIN_TIMEOUT", "-1", "which is not more than 0"),
        ("AGENT_CHECK", "maybe", "which is not true or false"),
        ("LOG_LEVEL", "LOUD", "which is not one of 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ],
)
def test_a_wrong_value_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        settings.load()
    assert str(raised.value).startswith(f"setting {name} has the value {value!r}, which is not ")
    assert told in str(raised.value)
    assert as_text(ProxySettings.model_fields[name.lower()]) in str(raised.value)


def test_a_password_in_an_address_is_neither_taken_nor_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LETTA_BASE_URL", "http://user:planted@localhost:8283")
    with pytest.raises(SettingsError) as raised:
        settings.load()
    assert "planted" not in str(raised.value)


def test_where_calls_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://voice:planted-secret@db/calls")
    with pytest.raises(SettingsError) as raised:
        settings.load()
    assert "which is not an address such as postgresql://" in str(raised.value)
    assert "planted-secret" not in str(raised.value)
    for scheme in ("postgres", "postgresql", "postgresql+asyncpg"):
        monkeypatch.setenv("DATABASE_URL", f"{scheme}://voice:planted-secret@db/calls")
        loaded = settings.load()
        assert "planted-secret" in loaded.secrets
        assert "planted-secret" not in repr(loaded)
        plain = scheme.partition("+")[0]
        assert database_url_of(loaded).postgres == f"{plain}://voice:planted-secret@db/calls"
        assert database_url_of(loaded).shown == "postgresql://db/calls"
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("CALLS_DATABASE", "/var/calls.db")
    assert database_url_of(settings.load()).shown == "/var/calls.db"


def test_hosts_and_origins() -> None:
    chosen = ProxySettings(
        proxy_port=9123,
        proxy_allowed_hosts=" Voice.lan , ",
        proxy_allowed_origins="https://page.example/",
    )
    assert chosen.hosts == {"localhost:9123", "127.0.0.1:9123", "[::1]:9123", "voice.lan"}
    assert {"http://localhost:9123", "http://127.0.0.1:9123", "https://page.example"} <= (
        chosen.origins
    )


def test_addresses_of_the_livekit_server() -> None:
    assert ProxySettings(livekit_url="wss://a.example/").livekit_http_url == "https://a.example"
    assert ProxySettings(livekit_url="ws://a:1").livekit_http_url == "http://a:1"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        ProxySettings().proxy_port = 1
