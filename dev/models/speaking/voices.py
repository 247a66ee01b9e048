"""Which Piper voice speaks: the one of the installation, a folder, or a name of the hub."""

from __future__ import annotations

import re
from pathlib import Path

from dev.bootstrap.long_steps import StepFailed
from dev.models import weights
from dev.models.weights import PIPER_JOE, ROOT

HUB = PIPER_JOE.repository
# Such as en_US-amy-medium, which the hub has as en/en_US/amy/medium/en_US-amy-medium.onnx.
_NAME = re.compile(r"(?P<code>(?P<family>[a-z]{2,3})_[A-Z]{2})-(?P<voice>\w+)-(?P<quality>\w+)")


class NoSuchVoice(Exception):
    """The voice that was asked for cannot be had; the text says why."""


def default() -> Path:
    """The model of the installation's own voice. Raises NoWeights. Blocks."""
    return weights.get(PIPER_JOE) / PIPER_JOE.files[0].name


def named(name: str) -> Path:
    """The model of MODELS_VOICE: a folder, a file, or a voice of the hub. Raises NoSuchVoice,
    NoWeights. Blocks."""
    if name == PIPER_JOE.name:
        return default()
    path = Path(name).expanduser()
    if path.is_dir():
        models = sorted(path.glob("*.onnx"))
        if len(models) != 1:
            there = ", ".join(model.name for model in models) or "none"
            raise NoSuchVoice(f"the folder {path} must have one voice (*.onnx); it has {there}")
        path = models[0]
    if path.is_file():
        if not path.with_name(f"{path.name}.json").is_file():
            raise NoSuchVoice(f"{path} has no {path.name}.json beside it")
        return path
    if match := _NAME.fullmatch(name):
        return _from_hub(name, match)
    raise NoSuchVoice(
        f"{name!r} is neither a folder nor the name of a Piper voice, such as en_US-amy-medium"
    )


def _from_hub(name: str, match: re.Match[str]) -> Path:
    folder = ROOT / name
    place = "/".join(match.group("family", "code", "voice", "quality"))
    wanted = [f"{place}/{name}.onnx.json", f"{place}/{name}.onnx"]
    model = folder / wanted[-1]  # got last
    if not model.is_file():
        try:
            weights.from_hub(HUB, wanted, folder, what=f"the voice {name}")
        except StepFailed as error:
            raise NoSuchVoice(str(error)) from None
    return model
