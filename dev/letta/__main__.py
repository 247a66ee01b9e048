"""`python -m dev.letta`: make everything ready, then become the supervisor of Postgres and Letta.

Two stages in one process: this one needs pydantic and psutil for a moment, the supervisor lives as
long as Letta and needs neither, so it is a fresh program in the same process.
"""

import fcntl
import json
import os
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from dev.letta import cluster, environ, postmaster
from dev.letta.cluster import child
from dev.letta.console import Problem, fail
from dev.letta.settings import CHECKOUT, LettaSettings

SERVER = CHECKOUT / "dev" / "letta" / "server"
PYTHON = CHECKOUT / ".venv-letta" / "bin" / "python"
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = read_settings()
        if settings.letta_backend == "app-server":
            os.execv(sys.executable, [sys.executable, "-m", "dev.app_server"])
        held = lock(settings.folder)
        become_supervisor(plan(settings), held)
    except KeyboardInterrupt:
        return 0
    except Problem as problem:
        fail(str(problem))
        return 1


def read_settings() -> LettaSettings:
    try:
        settings = LettaSettings()
    except ValidationError as error:
        raise Problem("; ".join(_sentence(dict(one)) for one in error.errors())) from None
    if not settings.chat_offline and not settings.openai_api_key:
        default = LettaSettings.model_fields["openai_base_url"].default
        if settings.openai_base_url == default:
            raise Problem(
                "the language model is to come from openai, but OPENAI_API_KEY is not set: set it, "
                "set OPENAI_BASE_URL to a server that needs no key, or set CHAT_PROVIDER=offline"
            )
    return settings


def _sentence(error: dict[str, object]) -> str:
    place = error["loc"]
    name = str(place[0]).upper() if isinstance(place, tuple) and place else "?"
    field = LettaSettings.model_fields.get(name.lower())
    wanted = str(error["msg"]).removeprefix("Input ").replace("should be", "must be")
    help_text = f" ({field.description})" if field else ""
    return (
        f"setting {name} has the value {error['input']!r}, which is wrong: it {wanted}{help_text}"
    )


def lock(folder: Path) -> int:
    """Nobody else may work on this folder until we end, however we end; the open file's number."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cluster.explain(error, folder) from None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(number, 32).decode(errors="replace").strip() or "unknown"
        raise Problem(
            f"another Letta already works on {folder} (pid {holder}): stop it first, or set "
            f"VOICE_HOME to another folder"
        ) from None
    os.ftruncate(number, 0)
    os.pwrite(number, f"{os.getpid()}\n".encode(), 0)
    os.set_inheritable(number, True)
    return number


def plan(settings: LettaSettings) -> dict[str, object]:
    """Everything the supervisor needs; raises Problem when something cannot work."""
    if not PYTHON.exists():
        raise Problem(f"{PYTHON} is missing: run ./scripts/setup")
    check_port(settings.letta_port)
    try:
        for folder in environ.folders(settings):
            folder.mkdir(parents=True, exist_ok=True)
        postmaster.clear(settings.folder / "postgres")
        postgres = cluster.prepare(settings.folder)
    except OSError as error:
        raise cluster.explain(error, settings.folder) from None
    server = {
        "port": settings.letta_port,
        "endpoint": settings.model_endpoint,
        "model": settings.model,
        "chosen": settings.chat_model is not None,
        "first_agent": str(settings.folder / "first-agent"),
        "log_level": settings.log_level,
        "log_format": settings.log_format,
    }
    return {
        "postgres": postgres.command(),
        "data": str(postgres.data),
        "temporary": str(postgres.sockets) if postgres.sockets_are_temporary else None,
        # Nothing of Letta needs saving (its state is in Postgres), so it may simply be killed.
        "letta": child([str(PYTHON), str(SERVER), json.dumps(server)], "same", signal.SIGKILL),
        "environ": environ.compose(settings, os.environ, postgres.uri),
        "folder": str(settings.folder),
    }


def check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except OSError as error:
            why = error.strerror
    if is_letta(port):
        raise Problem(
            f"port {port} is held by another Letta server: to use that one, set "
            f"LETTA_BASE_URL=http://localhost:{port}; to have our own beside it, set LETTA_PORT to "
            f"another port"
        )
    raise Problem(
        f"port {port} of this machine cannot be used ({why}): stop what holds it, or set "
        f"LETTA_PORT to another port"
    )


def is_letta(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/health/", timeout=1) as answer:
            return "version" in json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def become_supervisor(plan: dict[str, object], lock_number: int) -> NoReturn:
    """The lock goes along, and so does the plan: in a file without a name, since it holds a key
    that must not be seen in the list of processes."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (it must be open when the supervisor starts)
    file.write(json.dumps(plan).encode())
    file.flush()
    os.set_inheritable(file.fileno(), True)
    # A signal that comes in between waits until the supervisor listens.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.environ["PYTHONPATH"] = str(CHECKOUT)
    numbers = [str(lock_number), str(file.fileno())]
    os.execv(sys.executable, [sys.executable, "-m", "dev.letta.supervisor", *numbers])


if __name__ == "__main__":
    sys.exit(main())
