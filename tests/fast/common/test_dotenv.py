"""`.env` is read exactly, or refused with the line that is wrong."""

from pathlib import Path

import pytest

from common.dotenv import DotEnv, read


def _read(tmp_path: Path, text: str, **exported: str) -> DotEnv:
    path = tmp_path / ".env"
    path.write_text(text)
    return read(path, exported)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("export X=1", "1"),
        ("X=foo bar", "foo bar"),
        ("X=abc#def", "abc#def"),
        ("X=abc # comment", "abc"),
        ("X=", ""),
        ("X='it # stays'", "it # stays"),
        ('X="two\\nlines"', "two\nlines"),
        ("X=${HOME}/x", "/home/me/x"),
        ("  X = 1", "1"),
        ("A=2\nX=${A}3", "23"),
    ],
)
def test_values(tmp_path: Path, line: str, value: str) -> None:
    found = _read(tmp_path, line + "\n", HOME="/home/me")
    assert found.errors == []
    assert found.values["X"] == value


def test_a_reference_means_what_the_shell_exported(tmp_path: Path) -> None:
    found = _read(tmp_path, "A=file\nX=${A}\n", A="shell")
    assert found.values["X"] == "shell"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A=1\n\n\nnot a setting\n", ".env line 4"),
        ("A=1\nFOO\n", ".env line 2 has no '=': FOO"),
        ("A=1\nX='open\nB=2\n", ".env line 2 is malformed: X='open"),
        ("1X=2\n", "'1X', which is no name"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, told: str) -> None:
    errors = _read(tmp_path, text).errors
    assert len(errors) == 1
    assert told in errors[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("OPENAI_API_KEY='made-up-5\n", "OPENAI_API_KEY=…"),
        ("SMTP_PASS='made-up-5\n", "SMTP_PASS=…"),
        ("export DB_PWD='made-up-5\n", "export DB_PWD=…"),
        ("SSH_PASSPHRASE made-up-5\n", "SSH_PASSPHRASE …"),
        ("LETTA_URL='https://u:made-up-5@host\n", "LETTA_URL=…"),
    ],
)
def test_a_wrong_line_does_not_show_a_secret(tmp_path: Path, text: str, shown: str) -> None:
    (error,) = _read(tmp_path, text).errors
    assert shown in error
    assert "made-up-5" not in error


def test_lines_are_known(tmp_path: Path) -> None:
    assert _read(tmp_path, "# c\n\nA=1\nB=2\n").lines == {"A": 3, "B": 4}


def test_no_file_is_no_mistake_and_bytes_are(tmp_path: Path) -> None:
    assert read(tmp_path / ".env", {}).errors == []
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in read(tmp_path / ".env", {}).errors[0]
