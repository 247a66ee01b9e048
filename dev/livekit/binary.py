"""Find livekit-server, or get it: five places in order, each try bounded in time, each failure
told.

1. LIVEKIT_SERVER_BIN  2. the PATH  3. VOICE_HOME/bin
4. the pinned release from the project's release page
5. `go install` of the pinned version, with the machine's Go or the one from a wheel.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dev.bootstrap import long_steps, venvs
from dev.bootstrap.long_steps import StepFailed, tell
from dev.livekit.release import from_release

VERSION = "1.13.5"
OLDEST = (1, 9)
MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
NAME = "livekit-server"


class NoBinary(Exception):
    """No livekit-server can be had; the text names all ways."""


def find_or_get(environ: Mapping[str, str]) -> Path:
    """The path of a livekit-server that runs; gets one when the machine has none."""
    path, refused = find(environ)
    if path is not None:
        return path
    home = Path(environ["VOICE_HOME"])
    target = home / "bin" / NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    with long_steps.lock("livekit-server", "livekit-server"):
        if target.exists() and _refusal(target) is None:
            return target
        for way in (from_release, from_go):
            try:
                way(target, VERSION)
            except StepFailed as error:
                refused.append(str(error))
                tell(f"livekit-server: {error}")
                continue
            if why := _refusal(target):
                target.unlink()
                refused.append(why)
                continue
            return target
    raise NoBinary(explanation(target, refused))


def find(environ: Mapping[str, str]) -> tuple[Path | None, list[str]]:
    """A usable livekit-server on this machine, and why others were not used."""
    refused: list[str] = []
    if named := environ.get("LIVEKIT_SERVER_BIN"):
        path = Path(named).expanduser()
        if why := _refusal(path):
            raise NoBinary(
                f"setting LIVEKIT_SERVER_BIN has the value {named!r}, but {why}; correct it or "
                "remove it"
            )
        return path, refused
    on_path = shutil.which(NAME, path=environ.get("PATH"))
    for place in (Path(on_path) if on_path else None, Path(environ["VOICE_HOME"]) / "bin" / NAME):
        if place is None or not place.exists():
            continue
        if (why := _refusal(place)) is None:
            return place, refused
        refused.append(why)
    return None, refused


def version(path: Path) -> str | None:
    """What `livekit-server --version` tells, None when it does not run."""
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"livekit-server version (\d+\.\d+\.\d+)", shown.stdout + shown.stderr)
    return number[1] if number else None


def _refusal(path: Path) -> str | None:
    """Why this binary cannot be used, None when it can."""
    own_version = version(path)
    if own_version is None:
        return f"{path} does not run as livekit-server"
    if tuple(int(part) for part in own_version.split(".")[:2]) < OLDEST:
        return f"{path} is version {own_version}, older than {'.'.join(map(str, OLDEST))}"
    return None


def explanation(target: Path, refused: list[str]) -> str:
    tried = "".join(f"\n  - {why}" for why in refused)
    return (
        f"there is no livekit-server and none can be got.{tried}\nAny of these helps:\n"
        "  1. install it so that it is on the PATH (macOS: brew install livekit), version "
        f"{VERSION}\n"
        "  2. set LIVEKIT_SERVER_BIN in .env to the path of one\n"
        f"  3. download {VERSION} from https://github.com/livekit/livekit/releases and put it at "
        f"{target}\n"
        f"  4. with network access to the Go module proxy: go install {MODULE}, and put the "
        "result there\n"
        "Or set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a server elsewhere "
        "(LiveKit Cloud)."
    )


def from_go(target: Path, pinned: str) -> None:
    """Build the pinned version with Go; about two minutes on two cores, once."""
    go = _go()
    folder = target.parent / "go-install"
    environ = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"}
    environ["PATH"] = f"{Path(go).parent}{os.pathsep}{environ.get('PATH', '')}"
    try:
        long_steps.run(
            f"livekit-server {pinned}, built with Go (about 2 minutes, once)",
            [go, "install", MODULE],
            environ=environ,
            limit_s=1200,
        )
        (folder / "server").replace(target)
    except OSError as error:
        raise StepFailed(f"go install left no binary: {error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _go() -> str:
    """A Go that can build it: the machine's (it fetches a newer toolchain by itself), or the one
    from a wheel."""
    on_path = shutil.which("go")
    if on_path and _go_version(on_path) >= (1, 21):
        return on_path
    venvs.ensure(venvs.GO, venvs.GO.sets[0])
    return str(venvs.GO.path / "bin" / "go")


def _go_version(go: str) -> tuple[int, int]:
    try:
        shown = subprocess.run([go, "version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    number = re.search(r"go(\d+)\.(\d+)", shown)
    return (int(number[1]), int(number[2])) if number else (0, 0)
