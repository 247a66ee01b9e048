"""The one table of settings, and the files made from it."""

from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import Field
from pydantic_settings import BaseSettings

from dev import settings_table
from dev.settings_table import Setting, TableError


class One(BaseSettings):
    shared: int = Field(1, description="A number, in seconds.")
    only_one: str | None = Field(None, description="A | name.")


class Other(BaseSettings):
    shared: int = Field(1, description="A number, in seconds.")


class Differs(BaseSettings):
    shared: int = Field(2, description="Something else.")


class Silent(BaseSettings):
    silent: int = 1


HERE = __name__


def test_a_name_of_two_rooms_is_one_row() -> None:
    rows = settings_table.table([("a", f"{HERE}:One"), ("b", f"{HERE}:Other")])
    assert rows == [
        Setting("ONLY_ONE", "", "A | name.", ["a"]),
        Setting("SHARED", "1", "A number, in seconds.", ["a", "b"]),
    ]


def test_rooms_must_agree_and_explain() -> None:
    rooms = [("a", f"{HERE}:One"), ("b", f"{HERE}:Differs"), ("c", f"{HERE}:Silent")]
    with pytest.raises(TableError) as raised:
        settings_table.table(rooms)
    text = str(raised.value)
    assert "SHARED: the default is '1' in a, but '2' in b" in text
    assert "SHARED: the help is" in text
    assert "SILENT in c has no help" in text


def test_the_real_rooms_agree() -> None:
    assert {"VOICE_HOME", "LIVEKIT_URL"} <= {row.name for row in settings_table.table()}


def test_the_example_is_a_file_that_changes_nothing() -> None:
    text = settings_table.env_example(settings_table.table([("a", f"{HERE}:One")]))
    assert dotenv_values(stream=StringIO(text)) == {}
    assert "# A number, in seconds.\n# SHARED=1\n" in text


def test_the_readme_keeps_what_is_around_the_table() -> None:
    rows = settings_table.markdown(settings_table.table([("a", f"{HERE}:One")]))
    assert "| `ONLY_ONE` |  | A \\| name. | a |" in rows
    text = f"before\n{settings_table.BEGIN}\nold\n{settings_table.END}\nafter\n"
    made = settings_table.in_readme(text, rows)
    assert made == f"before\n{settings_table.BEGIN}\n{rows}{settings_table.END}\nafter\n"
    assert settings_table.in_readme(made, rows) == made
    with pytest.raises(TableError, match="must hold"):
        settings_table.in_readme("no markers", rows)


def test_check_says_what_is_stale_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings_table, "table", lambda: [Setting("A", "1", "Help.", ["dev"])])
    (tmp_path / "README.md").write_text(f"{settings_table.BEGIN}\n{settings_table.END}\n")
    assert settings_table.main(["--check"], tmp_path) == 1
    assert "README.md does not match" in capsys.readouterr().err
    assert settings_table.main([], tmp_path) == 0
    assert settings_table.main(["--check"], tmp_path) == 0
