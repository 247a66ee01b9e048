"""Compose the environment of one program: exported > .env > generated > derived > defaults.

`python -m dev.environment NAME` reads the exported environment as JSON on stdin and writes a
Composed as JSON on stdout.

It runs as a short-lived process of its own, so that five launchers need not keep pydantic and
every room's settings in memory, and so that a room whose settings cannot even be imported is a
sentence, not the end of its launcher.
"""

import hashlib
import importlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from dev import dotenv_file, livekit_key
from dev.services import CHECKOUT, LETTA_CLOUD, Service, monitor_reasons, services

PORTS = {
    "LIVEKIT_PORT": 7880,
    "LETTA_PORT": 8283,
    "MODELS_PORT": 8090,
    "AGENT_PORT": 8081,
    "PROXY_PORT": 9000,
}
SECRET_LENGTH = 32


@dataclass
class Composed:
    """The environment of a program, what is wrong in it, and why services are monitors only."""

    home: str
    environ: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    monitors: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""


def compose(name: str, exported: Mapping[str, str], dotenv: Path) -> Composed:
    """Everything the launcher of service `name` must know about settings."""
    service = services()[name]
    file = dotenv_file.read(dotenv, exported)
    environ = {**file.values, **exported}
    home = _home(environ)
    composed = Composed(home=str(home), errors=list(file.errors))
    if composed.errors:
        return composed
    composed.monitors = monitor_reasons(environ)
    _derive(environ, home)
    sources = {
        name: f".env line {line}" for name, line in file.lines.items() if name not in exported
    }
    composed.errors = check(("dev.settings:DevSettings", service.settings), environ, sources)
    if not composed.errors:
        composed.errors = _livekit_key(environ, home, "livekit" in composed.monitors)
    composed.environ = environ
    composed.fingerprint = _fingerprint(service, environ, file.values)
    return composed


def _home(environ: Mapping[str, str]) -> Path:
    return (CHECKOUT / Path(environ.get("VOICE_HOME") or ".voice").expanduser()).resolve()


def _derive(environ: dict[str, str], home: Path) -> None:
    """Fill in the addresses that follow from ports, and the folders."""

    def port(setting: str) -> str:
        return environ.get(setting) or str(PORTS[setting])

    derived = {
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


def _livekit_key(environ: dict[str, str], home: Path, elsewhere: bool) -> list[str]:
    """Fill in the generated key and secret when the server is our own; says what is wrong with
    given ones."""
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
    if secret and not elsewhere and len(secret) < SECRET_LENGTH:
        return [
            f"setting LIVEKIT_API_SECRET has {len(secret)} characters, livekit-server wants at "
            f"least {SECRET_LENGTH}; make it longer, or remove it and LIVEKIT_API_KEY to have both "
            "generated"
        ]
    if not key:
        environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"] = livekit_key.generated(home)
    return []


def check(
    classes: tuple[str, ...], environ: Mapping[str, str], sources: Mapping[str, str]
) -> list[str]:
    """A sentence for each setting that has a wrong value, for the settings classes
    `module:Class`."""
    errors: dict[str, str] = {}
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        for name in classes:
            if not name:
                continue
            try:
                load_class(name)()
            except ValidationError as error:
                for one in error.errors():
                    setting = str(one["loc"][0]).upper() if one["loc"] else ""
                    errors.setdefault(
                        setting or str(one["msg"]),
                        _sentence(setting, dict(one), name, environ, sources),
                    )
            except (
                Exception
            ) as error:  # a room's code that cannot be loaded: any exception there is
                errors[name] = (
                    f"{name.partition(':')[0]} cannot be loaded: {type(error).__name__}: {error}"
                )
    finally:
        os.environ.clear()
        os.environ.update(before)
    return list(errors.values())


def load_class(name: str) -> type[BaseSettings]:
    """The settings class written as `module:Class`."""
    module, _, attribute = name.partition(":")
    found: type[BaseSettings] = getattr(importlib.import_module(module), attribute)
    return found


WANTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "greater_than": "more than {gt}",
    "less_than": "less than {lt}",
    "literal_error": "one of {expected}",
}


def _sentence(
    setting: str,
    error: dict[str, object],
    owner: str,
    environ: Mapping[str, str],
    sources: Mapping[str, str],
) -> str:
    context = error.get("ctx")
    wanted = WANTED.get(str(error["type"]))
    if wanted is None:
        message = re.sub(r"^Value error, ", "", str(error["msg"]))
        if not setting:
            return message
        why = f"is refused: {message}"
        advice = "correct it"
    else:
        wanted = wanted.format(**context) if isinstance(context, dict) else wanted
        why = f"is not {wanted}"
        advice = f"set it to {wanted}"
    default = load_class(owner).model_fields[setting.lower()].default
    if default not in (None, "") and isinstance(default, str | int | float):
        advice += f", such as {default} (the default)"
    value = environ.get(setting, "")
    shown = "a value (not shown)" if dotenv_file.SECRET.search(setting) else f"the value {value!r}"
    source = sources.get(setting, "exported in the shell")
    return f"setting {setting} has {shown} ({source}), which {why}; {advice}"


def _fingerprint(service: Service, environ: Mapping[str, str], dotenv: Mapping[str, str]) -> str:
    """Changes with a setting this service may read: its own ones, and those no room knows."""
    own = _names(service.settings) | {"VOICE_HOME"}
    known = {name for other in services().values() for name in _names(other.settings)} | _names(
        "dev.settings:DevSettings"
    )
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
