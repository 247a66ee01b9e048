"""How the agent listens: the settings of it that a call may have otherwise, and their bounds.

The worker has the same settings with the same bounds (a test compares them) and decides in the
end; here they are the defaults that the page shows, and what a dispatch is checked against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings

from proxy.errors import ApiError

CODE = "INVALID_SETTINGS"


class ListeningSettings(BaseSettings):
    """As in the worker's settings."""

    vad_threshold: float = Field(
        default=0.5,
        ge=0.01,
        le=0.99,
        description="Probability above which sound counts as speech (0 to 1).",
    )
    vad_min_speech: float = Field(
        default=0.064,
        ge=0.01,
        le=2,
        description="Seconds of speech after which the caller counts as speaking.",
    )
    vad_min_silence: float = Field(
        default=0.25,
        ge=0.01,
        le=5,
        description="Seconds of silence after which the caller counts as silent.",
    )
    endpointing_min_delay: float = Field(
        default=0.35,
        ge=0,
        le=10,
        description="Seconds of silence that end the caller's turn when the sentence sounds "
        "complete.",
    )
    endpointing_max_delay: float = Field(
        default=0.9,
        ge=0,
        le=30,
        description="Seconds of silence that end the caller's turn when the sentence sounds "
        "unfinished.",
    )
    interruption_min_duration: float = Field(
        default=0.1,
        ge=0,
        le=5,
        description="Seconds the caller must speak to interrupt the agent.",
    )
    interruption_enabled: bool = Field(
        default=True, description="Whether the caller can interrupt the agent by speaking."
    )


class Tunable(BaseModel):
    """One of these settings, as the page needs it for a field."""

    name: str
    default: float | bool = Field(description="The value of a call that says nothing of it.")
    least: float | None = Field(description="Null for one that is true or false.")
    most: float | None
    help: str


def tunables(settings: ListeningSettings) -> list[Tunable]:
    """All of them, with the values of this system as defaults."""
    return [
        Tunable(
            name=name,
            default=getattr(settings, name),
            least=_bound(name, "ge"),
            most=_bound(name, "le"),
            help=str(field.description),
        )
        for name, field in ListeningSettings.model_fields.items()
    ]


def checked(wanted: Mapping[str, Any], settings: ListeningSettings) -> dict[str, float | bool]:
    """`wanted` if a call can have it; else `ApiError` 400 with name, value and what is allowed."""
    for name, value in wanted.items():
        field = ListeningSettings.model_fields.get(name)
        if field is None:
            known = ", ".join(ListeningSettings.model_fields)
            raise ApiError(
                400, CODE, f"There is no setting {name[:60]!a} for a call; there are: {known}."
            )
        kind = Annotated[field.annotation, field]  # type: ignore[name-defined]
        try:
            TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError:
            shown = ascii(value)[:60]
            raise ApiError(
                400, CODE, f"The setting {name} is {shown}; it must be {_allowed(name)}."
            ) from None
    least = wanted.get("endpointing_min_delay", settings.endpointing_min_delay)
    most = wanted.get("endpointing_max_delay", settings.endpointing_max_delay)
    delays_wanted = {"endpointing_min_delay", "endpointing_max_delay"} & wanted.keys()
    if delays_wanted and least > most:
        raise ApiError(
            400,
            CODE,
            f"endpointing_min_delay would be {least:g} and endpointing_max_delay {most:g}; the "
            "longer delay must be at least the shorter one.",
        )
    return dict(wanted)


def _allowed(name: str) -> str:
    if ListeningSettings.model_fields[name].annotation in (bool, "bool"):
        return "true or false"
    return f"a number from {_bound(name, 'ge'):g} to {_bound(name, 'le'):g}"


def _bound(name: str, side: str) -> float | None:
    """The least (ge) or greatest (le) value that is allowed; None for one that has no such."""
    for constraint in ListeningSettings.model_fields[name].metadata:
        if (bound := getattr(constraint, side, None)) is not None:
            return float(bound)
    return None
