"""Which Whisper hears: the one of the installation, a folder, or a name of the hub."""

from __future__ import annotations

from pathlib import Path

# Its own table of names; private, and looked for by tests/fast/models/test_hearing_models.py.
from faster_whisper.utils import _MODELS

from dev.bootstrap.long_steps import StepFailed
from dev.models import weights
from dev.models.weights import ROOT, WHISPER_TINY_EN

DEFAULT = "tiny.en"
REPOSITORIES: dict[str, str] = _MODELS
MODEL = "model.bin"
USED = (MODEL, "config.json", "tokenizer.json", "preprocessor_config.json", "vocabulary.")


class NoSuchModel(Exception):
    """The model that was asked for cannot be had; the text says why."""


def default() -> Path:
    """The folder of the installation's own model. Raises NoWeights. Blocks."""
    return weights.get(WHISPER_TINY_EN)


def named(name: str) -> Path:
    """The folder of MODELS_STT_MODEL: a folder, or a model of the hub by its name. Raises
    NoSuchModel, NoWeights. Blocks."""
    if name == DEFAULT:
        return default()
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / MODEL).is_file():
            raise NoSuchModel(f"the folder {path} has no {MODEL} (Whisper in CTranslate2's format)")
        return path
    if (repository := REPOSITORIES.get(name)) is None:
        known = ", ".join(sorted([DEFAULT, *REPOSITORIES]))
        raise NoSuchModel(f"{name!r} is neither a folder nor one of {known}")
    folder = ROOT / f"whisper-{name}"
    if not (folder / MODEL).is_file():
        try:
            files = [file for file in weights.hub_files(repository) if file.startswith(USED)]
            files.sort(key=MODEL.__eq__)  # got last: with it the folder is whole
            weights.from_hub(repository, files, folder, what=f"Whisper {name}")
        except StepFailed as error:
            raise NoSuchModel(str(error)) from None
    return folder
