"""The tools by which an agent of the App Server changes its memory, done by us: pure functions.

They are named and shaped as those of Letta's V1 server, so that an agent finds what it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LIMIT = 5000  # characters of a block; all blocks are in front of every turn
NAMES = ("memory_insert", "memory_replace")


class ToolRefused(Exception):
    """The model has called a tool in a way that cannot be done; the text is for the model."""


class Insert(BaseModel):
    """Add a line to a memory block, so that you know it from now on in every conversation."""

    model_config = ConfigDict(extra="ignore", strict=True)
    label: str = Field(description="The block, such as human.")
    new_string: str = Field(description="What to remember, in one short line.")
    insert_line: int = Field(default=-1, description="After which line; -1: at the end.")


class Replace(BaseModel):
    """Change or remove a text in a memory block."""

    model_config = ConfigDict(extra="ignore", strict=True)
    label: str = Field(description="The block, such as human.")
    old_string: str = Field(description="The text to be replaced, exactly as it stands there.")
    new_string: str = Field(description="The text in its place; empty to remove it.")


Edit = Insert | Replace
SHAPES: dict[str, type[Edit]] = {"memory_insert": Insert, "memory_replace": Replace}


def definitions() -> list[dict[str, Any]]:
    """As the App Server wants them."""
    return [
        {
            "name": name,
            "description": shape.__doc__,
            "parameters": _schema(shape),
            "auto_background": False,
        }
        for name, shape in SHAPES.items()
    ]


def asked(name: str, arguments: Mapping[str, Any]) -> Edit:
    """What the model wants; raises ToolRefused."""
    if name not in SHAPES:
        raise ToolRefused(f"There is no tool {name!r}; there are {', '.join(SHAPES)}.")
    try:
        return SHAPES[name].model_validate(arguments)
    except ValidationError as error:
        told = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise ToolRefused(f"{name} cannot be called so: {told}") from None


def changed(value: str, edit: Edit, limit: int = LIMIT) -> str:
    """The block after the edit; raises ToolRefused."""
    new = _inserted(value, edit) if isinstance(edit, Insert) else _replaced(value, edit)
    if len(new) > limit:
        raise ToolRefused(
            f"{edit.label} would have {len(new)} characters; {limit} are allowed. Shorten it first."
        )
    return new


def _inserted(value: str, edit: Insert) -> str:
    lines = value.split("\n") if value else []
    at = len(lines) if edit.insert_line < 0 else edit.insert_line
    if at > len(lines):
        raise ToolRefused(f"{edit.label} has {len(lines)} lines; there is no line {at}.")
    return "\n".join([*lines[:at], edit.new_string, *lines[at:]])


def _replaced(value: str, edit: Replace) -> str:
    count = value.count(edit.old_string) if edit.old_string else 0
    if count == 0:
        raise ToolRefused(f"{edit.label} does not have the text {edit.old_string!r}.")
    if count > 1:
        raise ToolRefused(
            f"{edit.label} has the text {edit.old_string!r} {count} times; give more of it."
        )
    return value.replace(edit.old_string, edit.new_string)


def _schema(shape: type[BaseModel]) -> dict[str, Any]:
    schema: dict[str, Any] = shape.model_json_schema()
    fields = {
        name: {key: text for key, text in field.items() if key in ("type", "description")}
        for name, field in schema["properties"].items()
    }
    return {"type": "object", "properties": fields, "required": schema["required"]}
