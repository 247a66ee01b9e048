"""`python -m dev.app_server`: write down what Letta's App Server may do, then become it.

Everything that it keeps is in VOICE_HOME/letta/app-server, which is its HOME. It listens on
loopback and wants a token that only the owner can read, since whoever may talk to it may read and
write files and run programs as its owner.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from common import http_proxy
from common.settings import revealed
from dev.letta.__main__ import check_port, lock, read_settings
from dev.letta.console import Problem, fail, say
from dev.letta.settings import CHECKOUT, LettaSettings
from dev.supervisor import private_files

PYTHON = CHECKOUT / ".venv-app-server" / "bin" / "python"
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
        private_files.folder(settings.folder)
        private_files.folder(home)
        os.set_inheritable(lock(home), True)
        check_port(settings.letta_port)
        write_down(settings, home, token)
        _tell_of_older_memory(settings.folder / "postgres", home)
        _make_first_agent(settings)
        _become_server(settings, home)
    except KeyboardInterrupt:
        return 0
    except (Problem, OSError) as problem:
        fail(str(problem))
        return 1


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
        [sys.executable, "-m", "dev.app_server.first_agent", f"{PROVIDER}/{settings.model}"],
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
