"""The command line of ./scripts/talk: mistakes are told in words, with exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dev.caller.__main__ import main, parse


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "SENTENCE|FILE.wav"),
        (["hi", "--timeout", "soon"], "'soon' is not a number of seconds from 0 to 600"),
        (["hi", "--timeout", "nan"], "'nan' is not a number of seconds"),
        (["hi", "--timeout", "-1"], "seconds from 0 to 600"),
        (["hi", "--room", "a\nb"], "is not 1 to 128 printable characters"),
        (["hi", "--room", "r" * 129], "is not 1 to 128 printable characters"),
        (["hi", "--text", "--barge-in", "1"], "does not go with --text"),
        (["a.wav", "--text"], "a WAV file cannot be typed"),
    ],
)
def test_a_wrong_argument_is_told(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_defaults() -> None:
    options = parse(["hi", "there"])
    assert options.say == ["hi", "there"]
    assert (options.timeout, options.barge_in, options.text) == (15.0, None, False)


def test_no_proxy_is_a_sentence_and_exit_code_1(
    unused_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hi", "--text", "--proxy", f"http://127.0.0.1:{unused_port}"]) == 1
    told = capsys.readouterr().err
    assert f"the proxy at http://127.0.0.1:{unused_port} does not answer" in told
    assert "./restart_voice_system.sh" in told
    assert "Traceback" not in told


def test_json_carries_the_error(unused_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{unused_port}"
    assert main(["hi", "--text", "--json", "--proxy", url]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["answered"] is False
    assert "does not answer" in answer["error"]


def test_files_are_looked_for_in_the_folder_of_the_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mine.wav", "--folder", str(tmp_path)]) == 1
    assert f"there is no file {tmp_path / 'mine.wav'}" in capsys.readouterr().err


def test_an_unknown_voice_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hi", "--voice", "darth"]) == 1
    assert "there is no voice 'darth'; there are rms" in capsys.readouterr().err
