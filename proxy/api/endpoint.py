"""One route of the API: where it is, what it takes, what it answers, and how both are read.

`app.py` registers endpoints, `openapi.py` describes them; both from the same records.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from proxy.api.errors import ApiError

ROOM_MAX = 128
BODY_MAX_BYTES = 64 * 1024
BODY_DEADLINE_S = 10.0

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Endpoint:
    """A method and path, its handler, and what the OpenAPI document says of it."""

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    summary: str
    answer: type[BaseModel] | str
    """Model of the JSON answer, or the media type of another one."""
    body: type[BaseModel] | None = None
    path_fields: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """JSON schema of each request header that it reads, besides X-Request-Id."""
    security: str | None = None
    """Name of the security scheme without which it answers 401."""
    status: int = 200
    also: tuple[str, ...] = ()
    """Other media types of the answer."""
    bare: Mapping[int, str] = field(default_factory=dict)
    """Answers without a body, by status."""
    failures: Mapping[int, str] = field(default_factory=dict)
    own_form: bool = False
    """Whether its 503 has the form of the answer instead of ErrorAnswer."""
    passes_on: str = ""
    """Whose answers of any status it passes on."""
    reads_body: bool = False
    """Whether it reads a body of which no model tells."""


class Answer(BaseModel):
    """What every successful answer has."""

    model_config = ConfigDict(frozen=True)

    success: bool = True


class ErrorAnswer(BaseModel):
    """What every failed answer has."""

    success: bool = False
    error: str = Field(description="Code for programs, such as ROOM_NOT_FOUND.")
    message: str = Field(description="What happened and what to do next, for people.")


def _printable(text: str) -> str:
    """Refuse what cannot be seen or sent: control characters, line ends, lone surrogates."""
    for character in text:
        category = unicodedata.category(character)
        joiner = character in "\u200c\u200d"  # part of ordinary words and emoji
        if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and not joiner):
            raise ValueError(f"must be printable text; it contains U+{ord(character):04X}")
    if not text.strip():
        raise ValueError("must contain something that can be seen")
    return text


def _addressable(room: str) -> str:
    """Refuse a name whose events could never be asked for or reported."""
    if room in (".", ".."):
        raise ValueError("is not a name that can stand in an address")
    if room == ANY_ROOM:
        raise ValueError(f"is not one room: {ANY_ROOM!r} means any of them in LiveKit's tokens")
    return room


ANY_ROOM = "*"
"""What stands for every room in the grants of LiveKit's tokens."""
PRINTABLE = (
    r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\ufeff\ufff9-\ufffb]+$"
)
"""What `_printable` takes, as far as a pattern can say it to other programs."""
Name = Annotated[
    str,
    Field(min_length=1, max_length=ROOM_MAX, json_schema_extra={"pattern": PRINTABLE}),
    AfterValidator(_printable),
]
RoomName = Annotated[
    Name,
    Field(json_schema_extra={"pattern": PRINTABLE, "not": {"enum": [".", "..", ANY_ROOM]}}),
    AfterValidator(_addressable),
]
_ROOM_NAME = TypeAdapter(RoomName)
LettaId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]


class RoomPath(BaseModel):
    """The room in the path."""

    room: RoomName


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a room here."""
    try:
        _ROOM_NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def answered(model: BaseModel, status: int = 200) -> web.Response:
    """`model` as a JSON answer."""
    return web.Response(
        text=model.model_dump_json(), status=status, content_type="application/json"
    )


async def read_json(request: web.Request, model: type[Model]) -> Model:
    """The body of `request` as `model`; `ApiError` 4xx says what is wrong with it."""
    if request.content_type != "application/json":
        raise ApiError(
            415,
            "NOT_JSON",
            f"The body has the content type {request.content_type[:100]!r}; send JSON with the "
            "header 'Content-Type: application/json'.",
        )
    try:
        text = (await read_body(request)).decode()
        loaded: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        # ValueError also covers bytes that are not UTF-8, and numbers of thousands of digits.
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)[:200]
        raise ApiError(400, "NOT_JSON", f"The body is not JSON: {reason}.") from None
    if not isinstance(loaded, dict):
        raise ApiError(
            400, "NOT_JSON", f"The body must be a JSON object, not {_kind_of(loaded)}: {{…}}."
        )
    return validated(model, loaded)


async def read_body(request: web.Request) -> bytes:
    """The whole body, within the size the application allows and within a deadline."""
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await request.read()
    except web.RequestPayloadError as error:
        raise ApiError(400, "BAD_REQUEST", f"The body cannot be read: {error}.") from None
    except TimeoutError:
        raise ApiError(
            408, "BODY_TOO_SLOW", f"The body did not arrive within {BODY_DEADLINE_S:g} s."
        ) from None


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """`values` as `model`; `ApiError` 400 names the first field that is wrong, and its value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "the body"
        if first["type"] == "missing":
            message = f"'{name}' is missing."
        else:
            reason = str(first["msg"]).removeprefix("Value error, ")
            message = f"'{name}' is {_cut(first['input'])}: {reason}."
        raise ApiError(400, "INVALID_REQUEST", message) from None


def _cut(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}… ({len(text)} characters)"


def _kind_of(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")
