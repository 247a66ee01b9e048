"""Which lines tell why a program ended, and how its end is told."""

import pytest

from dev.supervisor.crash_excerpt import ProgramEnd, crash_excerpt, error_with_place, last_error

TRACEBACK = """\
15:24:46.278 INFO agent: begins
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/checkout/agent/worker.py", line 12, in run
    await self.start()
  File "/checkout/.venv/lib/python3.11/site-packages/livekit/agents/worker.py", line 9, in start
    raise ValueError("no such thing")
ValueError: no such thing
15:24:47.000 INFO agent: tidies up""".splitlines()

SYNTAX = """\
  File "/checkout/agent/job.py", line 3
    def broken(:
               ^
SyntaxError: invalid syntax""".splitlines()


def test_of_a_traceback_its_last_line_and_the_place_in_our_own_code() -> None:
    assert crash_excerpt(TRACEBACK) == [
        'File "/checkout/agent/worker.py", line 12, in run',
        "ValueError: no such thing",
    ]
    assert last_error(crash_excerpt(TRACEBACK)) == "ValueError: no such thing"


def test_an_error_is_told_with_the_file_and_line_it_comes_from() -> None:
    assert (
        error_with_place(TRACEBACK, "/checkout")
        == "agent/worker.py line 12: ValueError: no such thing"
    )
    assert (
        error_with_place(SYNTAX, "/checkout") == "agent/job.py line 3: SyntaxError: invalid syntax"
    )
    assert error_with_place(["it says no more"], "/checkout") == "it says no more"


def test_a_traceback_that_is_cut_off() -> None:
    cut = TRACEBACK[:5]
    assert crash_excerpt(cut) == ['File "/checkout/agent/worker.py", line 12, in run']


@pytest.mark.parametrize(
    "line",
    [
        "15:24:46.278 ERROR agent: the door is closed",
        "2026-11-21T14:41:56Z\tERROR\tlivekit\tservice/server.go:9\tcould not listen",
        "panic: runtime error: index out of range",
        "dev.letta: error: cannot be started",
        "OSError: [Errno 98] Address already in use",
        "listen tcp 127.0.0.1:7880: bind: address already in use",
        "Fatal Python error: Segmentation fault",
        "letta_client.APIConnectionError: Connection error.",
    ],
)
def test_errors_are_found_among_other_lines(line: str) -> None:
    said = ["15:24:46.278 INFO agent: begins", line, "15:24:46.279 INFO agent: no errors so far"]
    assert crash_excerpt(said) == [line.strip()]


def test_a_syntax_error_and_a_plain_last_word() -> None:
    assert crash_excerpt(SYNTAX) == ["SyntaxError: invalid syntax"]
    plain = ["one", "two", "three", "the standin has a broken leg"]
    assert crash_excerpt(plain) == plain[1:]
    assert crash_excerpt(plain, errors_only=True) == []
    assert crash_excerpt([]) == [] and last_error([]) == ""


def test_they_are_few_and_short() -> None:
    many = [f"12:00:00.000 ERROR agent: number {number} {'x' * 1000}" for number in range(50)]
    told = crash_excerpt(many)
    assert len(told) == 10
    assert "number 49" in told[-1] and all(len(line) <= 400 for line in told)


def test_how_a_program_ended() -> None:
    crashed = ProgramEnd.of(1, TRACEBACK)
    assert crashed.text("/checkout") == "ended with exit code 1: ValueError: no such thing"
    assert crashed.cause == "crashed"
    killed = ProgramEnd.of(-9, ["15:24:46.278 INFO agent: all is well"])
    assert (killed.text("/checkout"), killed.cause, killed.log) == (
        "was killed (signal 9, SIGKILL)",
        "killed",
        (),
    )
    absent = ProgramEnd.never_began(("/no/such", "program"), FileNotFoundError(2, "No such file"))
    assert absent.text("/checkout") == "cannot be run (/no/such program: No such file)"
    assert (absent.cause, absent.code) == ("not-runnable", None)
