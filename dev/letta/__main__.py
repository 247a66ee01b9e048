"""`python -m dev.letta`: write down what Letta's App Server may do, then become it.

Everything that it keeps is in VOICE_HOME/letta/app-server, which is its HOME. It listens on
loopback and wants a token that only the owner can read, since whoever may talk to it may read and
write files and run programs as its owner.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from common import http_proxy
from common.settings import revealed
from dev.letta.console import Problem, fail, say
from dev.letta.settings import CHECKOUT, LettaSettings
from dev.supervisor import private_files

PYTHON = CHECKOUT / ".venv-letta" / "bin" / "python"
IMPORTED = "imported.json"  # in its home: what ./scripts/letta-import has carried over
PROVIDER = "openai-compatible"  # the server's name for whatever speaks OpenAI's protocol
PASSED = ("PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
PASSED_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
QUIET = {
    "DO_NOT_TRACK": "1",
    "LETTA_CODE_TELEM": "0",
    "DISABLE_AUTOUPDATER": "1",
    "LETTA_DISABLE_LSP_DOWNLOAD": "1",
    "LETTA_DISABLE_CRON_SCHEDULER": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    # Its hooks look at what a model has committed by itself, in 100 ms a write: here only we write.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
}
# Nothing that runs by itself, and nothing about this machine in front of what a caller says.
SETTINGS = {
    "preferredBackendMode": "local",
    "sessionContextEnabled": False,
    "autoConversationTitles": False,
    "autoConversationTitlesRollbackApplied": True,
    "memoryReminderInterval": None,
    "reflectionTrigger": "off",
    "tokenStreaming": True,
    "recentModels": [],
}


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = read_settings()
        if not PYTHON.exists():
            raise Problem(f"{PYTHON} is missing: run ./scripts/setup")
        token = revealed(settings.letta_api_key)
        if not token:
            raise Problem("LETTA_API_KEY is not set: start this by its launcher, which makes one")
        home = settings.folder / "app-server"
        check_port(settings.letta_port)
        try:
            private_files.folder(settings.folder)
            private_files.folder(home)
            os.set_inheritable(lock(home), True)
            write_down(settings, home, token)
            _unlock_memory(home)
        except OSError as error:
            raise explain(error, home) from None
        _tell_of_older_memory(settings.folder / "postgres", home)
        _make_first_agent(settings)
        _become_server(settings, home)
    except KeyboardInterrupt:
        return 0
    except (Problem, OSError) as problem:
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
        raise explain(error, folder) from None
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


def check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except OSError as error:
            why = error.strerror
    if others := _letta_at(port):
        raise Problem(
            f"port {port} is held by another Letta: to use that one, set {others}; to have our own "
            "beside it, set LETTA_PORT to another port"
        )
    raise Problem(
        f"port {port} of this machine cannot be used ({why}): stop what holds it, or set "
        f"LETTA_PORT to another port"
    )


def _letta_at(port: int) -> str:
    """The settings by which a Letta that answers there can be used."""
    address = f"http://localhost:{port}"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/health/", timeout=1) as answer:
            return f"LETTA_BASE_URL={address}" if "version" in json.load(answer) else ""
    except (OSError, ValueError):  # it is none of V1's
        pass
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/app-server-info", timeout=1).close()
    except urllib.error.HTTPError as error:
        wanted = (
            f"LETTA_BACKEND=app-server, LETTA_BASE_URL={address} and LETTA_API_KEY to its token"
        )
        return wanted if error.code == 401 else ""
    except OSError:
        return ""
    return ""


def explain(error: OSError, folder: Path) -> Problem:
    """What a person is told when the state folder cannot be written."""
    if error.errno == errno.ENOSPC:
        return Problem(f"the disk of {folder} is full: make room, or set VOICE_HOME to another one")
    return Problem(
        f"cannot write to {error.filename or folder} ({error.strerror}): make the folder writable "
        f"for the user who starts this, or set VOICE_HOME to one that is"
    )


def write_down(settings: LettaSettings, home: Path, token: str) -> None:
    """Its settings, the one provider of models, and the token."""
    _merge(home / ".letta" / "settings.json", SETTINGS)
    key = "none" if settings.chat_offline else revealed(settings.openai_api_key) or "none"
    provider = {
        "id": f"local-provider-{PROVIDER}",
        "name": PROVIDER,
        "provider_type": PROVIDER,
        "provider_category": "byok",
        "auth": {"type": "api", "key": key},
        "base_url": settings.model_endpoint,
    }
    providers = {"version": 1, "providers": {PROVIDER: provider}}
    _merge(home / ".letta" / "lc-local-backend" / "providers" / "auth.json", providers)
    private_files.write(home / "token", token + "\n")


def _unlock_memory(home: Path) -> None:
    """A git that was killed in a write leaves its lock, by which an agent could never remember
    anything again. Whoever made it has ended: we hold the lock of `home`."""
    for git in (home / ".letta" / "lc-local-backend" / "memfs").glob("*/memory/.git"):
        for left in (*git.glob("*.lock"), *git.glob("refs/**/*.lock")):
            left.unlink(missing_ok=True)
            agent = git.parents[1].name
            cut_off = f"{left.name} was left by a git that was ended while it wrote"
            say(f"unlocked the memory of {agent}: {cut_off}", level="WARNING")


def _tell_of_older_memory(data: Path, home: Path) -> None:
    if (data / "PG_VERSION").exists() and not (home / IMPORTED).exists():
        say(
            f"there is an older memory in {data} that this Letta does not read; to carry its "
            "agents over: ./restart_voice_system.sh stop, then ./scripts/letta-import",
            level="WARNING",
        )


def _merge(path: Path, wanted: Mapping[str, Any]) -> None:
    """What the server has written there itself stays."""
    try:
        there: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        there = {}
    private_files.write(path, json.dumps({**there, **wanted}, indent=2))


def _make_first_agent(settings: LettaSettings) -> None:
    """Beside the server, since it takes the server to make one."""
    subprocess.Popen(
        [sys.executable, "-m", "dev.letta.first_agent", f"{PROVIDER}/{settings.model}"],
        cwd=CHECKOUT,
    )


def server_command(settings: LettaSettings, home: Path) -> tuple[list[str], dict[str, str]]:
    """How the server is run, and the environment it has."""
    named = {name: value for name, value in os.environ.items() if name.upper() in PASSED_PROXIES}
    environ = {name: os.environ[name] for name in PASSED if name in os.environ} | named
    environ |= {"HOME": str(home), **QUIET}
    environ |= http_proxy.with_loopback(environ)
    command = [str(PYTHON), str(PYTHON.with_name("letta")), "--backend", "local", "server"]
    listen = ["--listen", f"ws://127.0.0.1:{settings.letta_port}"]
    auth = ["--ws-auth", "capability-token", "--ws-token-file", str(home / "token")]
    return [*command, *listen, *auth], environ


def _become_server(settings: LettaSettings, home: Path) -> NoReturn:
    say(f"App Server on 127.0.0.1:{settings.letta_port}, its memory in {home}")
    command, environ = server_command(settings, home)
    os.chdir(home)
    os.execve(PYTHON, command, environ)


if __name__ == "__main__":
    sys.exit(main())
