"""Shared settings: each declared once, keys never shown, a wrong value told in one form."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from dotenv.parser import parse_stream
from dotenv.variables import parse_variables
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings

from agent.settings import AgentSettings
from common import settings
from common.settings import RoomSettings, SettingsError, can_listen_with, load, sentences
from dev.letta.settings import LettaSettings
from proxy.settings import ProxySettings
from tests.running_system import ROOT

KEYS = ("LIVEKIT_API_SECRET", "LETTA_API_KEY", "OPENAI_API_KEY")


class Kitchen(RoomSettings):
    kitchen_heat: int = Field(default=3, ge=1, description="How hot.")
    kitchen_key: str = Field(default="", description="To the door.")
    kitchen_cook: str = Field(default="Ada", description="Who.")

    @field_validator("kitchen_cook")
    @classmethod
    def _known(cls, value: str) -> str:
        if value == "nobody":
            raise ValueError("somebody must cook")
        return value

    @field_validator("kitchen_key")
    @classmethod
    def _fits(cls, value: str) -> str:
        if value == "bent":
            raise ValueError("not a key that fits")
        return value


class Together(RoomSettings):
    first: int = Field(default=1, description="First.")

    @model_validator(mode="after")
    def _agree(self) -> Together:
        if self.first == 13:
            raise ValueError("FIRST and LAST cannot both be 13")
        return self


def _refused(room: type[BaseSettings], environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ValidationError) as raised:
        room.model_validate({name.lower(): value for name, value in environ.items()})
    return sentences(raised.value, room, environ, {"KITCHEN_HEAT": ".env line 4"})


def test_a_wrong_value_is_told_with_its_place_and_what_it_must_be() -> None:
    told = _refused(Kitchen, {"KITCHEN_HEAT": "0", "KITCHEN_COOK": "nobody"})
    assert told["KITCHEN_HEAT"] == (
        "setting KITCHEN_HEAT has the value '0' (.env line 4), which is not at least 1; "
        "set it to at least 1, such as 3 (the default)"
    )
    assert told["KITCHEN_COOK"] == (
        "setting KITCHEN_COOK has the value 'nobody' (exported in the shell), which is refused: "
        "somebody must cook; correct it"
    )


def test_a_key_is_not_shown() -> None:
    (told,) = _refused(Kitchen, {"KITCHEN_KEY": "bent"}).values()
    assert "bent" not in told and "a value (not shown)" in told
    assert "which is not a key that fits" in told


def test_values_that_are_wrong_together_are_told_as_they_are() -> None:
    assert list(_refused(Together, {"FIRST": "13"}).values()) == [
        "FIRST and LAST cannot both be 13"
    ]


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITCHEN_HEAT", "hot")
    monkeypatch.setenv("KITCHEN_COOK", "nobody")
    with pytest.raises(SettingsError, match=r"a whole number.*; setting KITCHEN_COOK"):
        load(Kitchen)


@pytest.mark.parametrize("room", [AgentSettings, ProxySettings, LettaSettings])
def test_no_room_shows_a_key(room: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, f"planted-{name}")
    loaded = room()
    assert "planted" not in repr(loaded) and "planted" not in str(loaded.model_dump())


def test_a_setting_is_declared_once() -> None:
    """A second declaration could have another default, another bound, or show a key."""
    declared: dict[str, str] = {}
    for folder in ("agent", "common", "dev", "proxy"):
        for path in sorted(ROOT.joinpath(folder).rglob("settings.py")):
            for name in _declared(path):
                assert name not in declared, f"{name}: {declared[name]} and {path}"
                declared[name] = str(path)
    assert len(declared) > 70


def _declared(path: Path) -> list[str]:
    return [
        statement.target.id
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]


@pytest.mark.parametrize(
    ("name", "value", "can"),
    [
        ("vad_threshold", 0.7, True),
        ("vad_threshold", 2, False),
        ("vad_threshold", "0.5", False),
        ("vad_min_speech", True, False),
        ("interruption_enabled", False, True),
        ("interruption_enabled", 0, False),
        ("letta_base_url", "http://elsewhere", False),
    ],
)
def test_what_a_call_can_listen_with(name: str, value: object, can: bool) -> None:
    assert can_listen_with(name, value) is can


def test_every_shared_setting_says_what_it_is() -> None:
    rooms = [room for _, room in inspect.getmembers(settings, inspect.isclass)]
    for room in rooms:
        if issubclass(room, RoomSettings):
            for name, info in room.model_fields.items():
                assert info.description and info.description.endswith("."), name


def test_what_is_used_of_python_dotenv_is_there() -> None:
    """Its documentation names neither; see common/dotenv.py."""
    import io

    good, bad = parse_stream(io.StringIO("A=${B}x\nno equals sign at all ='\n"))
    assert (good.key, good.value, good.error, good.original.line) == ("A", "${B}x", False, 1)
    assert bad.error
    assert "".join(part.resolve({"B": "b"}) for part in parse_variables("${B}x")) == "bx"
