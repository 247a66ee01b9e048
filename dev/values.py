"""Whether the values of settings can be used: a sentence for each that cannot."""

import contextlib
import importlib
import os
import re
from collections.abc import Iterator, Mapping

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from common import known_secrets
from dev.services import CHECKOUT
from dev.supervisor.crash_excerpt import broken_code


def check(
    classes: tuple[str, ...], environ: Mapping[str, str], sources: Mapping[str, str]
) -> list[str]:
    """A sentence for each setting that has a wrong value, for the settings classes
    `module:Class`."""
    errors: dict[str, str] = {}
    with environment_of(environ):
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
                    f"the settings of {name.partition('.settings')[0]} cannot be loaded: "
                    f"{broken_code(error, str(CHECKOUT))}; mend that file"
                )
    return list(errors.values())


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
        except module.SettingsError as error:
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
    secret = known_secrets.is_secret(setting, value) or "@" in value
    shown = "a value (not shown)" if secret else f"the value {value!r}"
    source = sources.get(setting, "exported in the shell")
    return f"setting {setting} has {shown} ({source}), which {why}; {advice}"
