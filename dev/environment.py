"""Compose the environment of one program: exported > .env > generated > derived > defaults.

`python -m dev.environment NAME` reads the exported environment as JSON on stdin and writes a
Composed as JSON on stdout.

It runs as a short-lived process of its own, so that five launchers need not keep pydantic and
every room's settings in memory, and so that a room whose settings cannot even be imported is a
sentence, not the end of its launcher.
"""

import contextlib
import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from common import dotenv, http_proxy, odd_keys
from common.settings import SettingsError, sentences
from dev.services import (
    CHECKOUT,
    LETTA_CLOUD,
    OWN_AGENT_OFF,
    Service,
    monitor_reasons,
    services,
)
from dev.supervisor import private_files
from dev.supervisor.crash_excerpt import broken_code

PORTS = {
    "LIVEKIT_PORT": 7880,
    "LETTA_PORT": 8283,
    "MODELS_PORT": 8090,
    "AGENT_PORT": 8091,
    "PROXY_PORT": 9000,
}
LAUNCHERS, ADDRESSES = "dev.settings:DevSettings", "dev.settings:DevAddresses"
SECRET_LENGTH = 32
ENV_MALFORMED, SETTINGS, CREDENTIALS = "env-malformed", "settings", "credentials-missing"


@dataclass
class Composed:
    """The environment of a program, what is wrong in it, and why services are monitors only."""

    home: str
    environ: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    cause: str = ""  # what the errors are, as a code of the status file
    monitors: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""


def compose(
    name: str, exported: Mapping[str, str], path: Path, *, make_key: bool = True
) -> Composed:
    """Everything the launcher of service `name` must know about settings.

    Without `make_key` a LiveKit key that was not generated yet is left out, and nothing is made.
    """
    service = services()[name]
    file = dotenv.read(path, exported)
    environ = {**file.values, **exported}
    home = _home(environ)
    composed = Composed(home=str(home), errors=list(file.errors))
    if composed.errors:
        composed.cause = ENV_MALFORMED
        return composed
    composed.monitors = monitor_reasons(environ)
    _derive(environ, home)
    sources = {
        name: f".env line {line}" for name, line in file.lines.items() if name not in exported
    }
    elsewhere, own_letta = "livekit" in composed.monitors, "letta" not in composed.monitors
    composed.cause, composed.errors = _wrong(
        service, environ, sources, home, elsewhere, own_letta, make_key
    )
    if composed.monitors.get(name) == OWN_AGENT_OFF and composed.cause != ENV_MALFORMED:
        composed.cause, composed.errors = "", []  # what is not started needs no settings
    composed.environ = environ
    composed.fingerprint = _fingerprint(service, environ, file.values)
    return composed


def _wrong(
    service: Service,
    environ: dict[str, str],
    sources: dict[str, str],
    home: Path,
    elsewhere: bool,
    own_letta: bool,
    make_key: bool,
) -> tuple[str, list[str]]:
    """What is wrong with the values, its code first; fills in what is generated: the key and secret
    of the LiveKit server, and the token of our own Letta."""
    if errors := check((LAUNCHERS, service.settings), environ, sources):
        return SETTINGS, errors
    if errors := _credentials_missing(environ, elsewhere):
        return CREDENTIALS, errors
    if errors := _short_secret(environ, elsewhere):
        return SETTINGS, errors
    if wrong := _letta_that_is_not_there(environ, own_letta):
        return SETTINGS, [wrong]
    if own_letta and (make_key or (home / private_files.LETTA_TOKEN).exists()):
        environ["LETTA_API_KEY"] = private_files.letta_token(home)
    if not environ.get("LIVEKIT_API_KEY"):
        if not make_key and not (home / private_files.LIVEKIT_KEY).exists():
            return "", []  # what needs the key cannot be judged yet
        environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"] = private_files.livekit_key(home)
    if errors := impossible(service.settings, environ):
        return SETTINGS, errors
    return "", []


def check(
    classes: tuple[str, ...], environ: Mapping[str, str], sources: Mapping[str, str]
) -> list[str]:
    """A sentence for each setting that has a wrong value, for the settings classes
    `module:Class`; `sources` says where a setting stands when it was not exported."""
    wrong: dict[str, str] = {}
    with environment_of(environ):
        for name in filter(None, classes):
            try:
                load_class(name)()
            except ValidationError as error:
                for setting, sentence in sentences(
                    error, load_class(name), environ, sources
                ).items():
                    wrong.setdefault(setting, sentence)
            except Exception as error:  # code that cannot be loaded: any exception there is
                module = name.partition(":")[0]
                wrong[name] = f"{module} cannot be loaded: {broken_code(error, str(CHECKOUT))}"
    return list(wrong.values())


def impossible(settings: str, environ: Mapping[str, str]) -> list[str]:
    """What a room itself has against the values together: its own `load()`, where it has one."""
    if not settings:
        return []
    module = importlib.import_module(settings.partition(":")[0])
    if not hasattr(module, "load"):
        return []
    with environment_of(environ):
        try:
            module.load()
        except SettingsError as error:
            return [str(error)]
    return []


@contextlib.contextmanager
def environment_of(environ: Mapping[str, str]) -> Iterator[None]:
    """Within it, this process has just these variables."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def load_class(name: str) -> type[BaseSettings]:
    """The settings class written as `module:Class`."""
    module, _, attribute = name.partition(":")
    settings: type[BaseSettings] = getattr(importlib.import_module(module), attribute)
    return settings


def _home(environ: Mapping[str, str]) -> Path:
    return (CHECKOUT / Path(environ.get("VOICE_HOME") or ".voice").expanduser()).resolve()


def _derive(environ: dict[str, str], home: Path) -> None:
    """Fill in the addresses that follow from ports, and the folders."""

    def port(setting: str) -> str:
        return environ.get(setting) or str(PORTS[setting])

    elsewhere = environ.get("LETTA_API_KEY") or environ.get("LETTA_BASE_URL")
    derived = {
        "LETTA_BACKEND": "v1" if elsewhere else "app-server",
        "LIVEKIT_URL": f"ws://localhost:{port('LIVEKIT_PORT')}",
        "LETTA_BASE_URL": LETTA_CLOUD
        if environ.get("LETTA_API_KEY")
        else f"http://localhost:{port('LETTA_PORT')}",
        "MODELS_URL": f"http://localhost:{port('MODELS_PORT')}/v1",
        "AGENT_URL": f"http://localhost:{port('AGENT_PORT')}",
        "AGENT_TIMELINE_URL": f"http://localhost:{port('PROXY_PORT')}",
        "AGENT_SPOOL_DIR": str(home / "spool"),
        "PROCESS_STATUS_DIR": str(home / "run"),
        "CALLS_DATABASE": str(home / "calls.db"),
    }
    for name, value in derived.items():
        if not environ.get(name):
            environ[name] = value
    environ["VOICE_HOME"] = str(home)
    environ["PYTHONUNBUFFERED"] = "1"
    environ["PYTHONIOENCODING"] = "utf-8"  # its launcher reads it, whatever the terminal knows
    environ.update(http_proxy.with_loopback(environ))


def _credentials_missing(environ: Mapping[str, str], elsewhere: bool) -> list[str]:
    """That the key and secret are not both there, where nobody else makes them."""
    key, secret = environ.get("LIVEKIT_API_KEY"), environ.get("LIVEKIT_API_SECRET")
    if bool(key) != bool(secret):
        there, missing = ("KEY", "SECRET") if key else ("SECRET", "KEY")
        return [
            f"LIVEKIT_API_{there} is set, but LIVEKIT_API_{missing} is not: set both, or neither"
        ]
    if not key and elsewhere:
        return [
            f"LIVEKIT_URL is {environ['LIVEKIT_URL']}, a server elsewhere, but LIVEKIT_API_KEY and "
            "LIVEKIT_API_SECRET are not set: set them to that server's key and secret, or remove "
            "LIVEKIT_URL to use our own server"
        ]
    return []


def _letta_that_is_not_there(environ: Mapping[str, str], own_letta: bool) -> str:
    """That LETTA_BACKEND names another kind of Letta than the one that is used."""
    app_server = environ["LETTA_BACKEND"] == "app-server"
    if app_server and environ["LETTA_BASE_URL"] == LETTA_CLOUD:
        return (
            "LETTA_API_KEY is set, so Letta Cloud is used, but LETTA_BACKEND is app-server, which "
            "is on this machine: remove one of the two"
        )
    if own_letta and not app_server:
        return (
            f"LETTA_BACKEND is {environ['LETTA_BACKEND']}, which is not started here: remove it to "
            "have Letta's App Server, or set LETTA_BASE_URL to a server of your own or "
            "LETTA_API_KEY for Letta Cloud"
        )
    return ""


def _short_secret(environ: Mapping[str, str], elsewhere: bool) -> list[str]:
    secret = environ.get("LIVEKIT_API_SECRET")
    if not secret or elsewhere or len(secret) >= SECRET_LENGTH:
        return []
    odd = odd_keys.looks_like("LIVEKIT_API_SECRET", environ)
    return [
        f"setting LIVEKIT_API_SECRET has {len(secret)} characters, livekit-server wants at "
        f"least {SECRET_LENGTH}{f' ({odd})' if odd else ''}; make it longer, or remove it and "
        "LIVEKIT_API_KEY to have both generated"
    ]


def _fingerprint(service: Service, environ: Mapping[str, str], dotenv: Mapping[str, str]) -> str:
    """Changes with a setting this service may read: its own ones, and those no room knows."""
    own = _names(service.settings) | {"VOICE_HOME"}
    rooms = (LAUNCHERS, ADDRESSES, *(other.settings for other in services().values()))
    known = {name for settings in rooms for name in _names(settings)}
    prefix = f"{service.name.upper()}_"
    names = own | {name for name in environ if name.startswith(prefix)} | (set(dotenv) - known)
    text = json.dumps({name: environ.get(name, "") for name in sorted(names)})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _names(settings: str) -> set[str]:
    if not settings:
        return set()
    try:
        return {name.upper() for name in load_class(settings).model_fields}
    except Exception:  # told by check(), which comes first for the service itself
        return set()


def main(arguments: list[str]) -> int:
    composed = compose(arguments[0], json.load(sys.stdin), CHECKOUT / ".env")
    print(json.dumps(asdict(composed)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
