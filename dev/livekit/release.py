"""Get livekit-server from the project's own release page, and keep it only when its checksum is
right."""

import hashlib
import io
import platform
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from dev.bootstrap.long_steps import StepFailed, tell

PAGE = "https://github.com/livekit/livekit/releases/download"
SILENCE_S = 6.0  # no answer or no byte for so long: the page counts as unreachable
LIMIT_S = 600.0
NEWS_EVERY_S = 3.0
LARGEST_BYTES = 300_000_000
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "armv7",
}


def from_release(target: Path, version: str, page: str = PAGE) -> None:
    """Download, check and unpack the release for this machine to `target`; raises StepFailed
    otherwise."""
    archive = archive_name(version)
    base = f"{page}/v{version}"
    expected = expected_checksum(_get(f"{base}/checksums.txt").decode(errors="replace"), archive)
    content = _get(f"{base}/{archive}")
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise StepFailed(
            f"{base}/{archive} has the checksum {actual}, the release page names {expected}: "
            "not used"
        )
    _unpack(content, target)
    tell(f"livekit-server {version} from {base}")


def archive_name(version: str) -> str:
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise StepFailed(
            f"there is no release of livekit-server for {platform.system()} {platform.machine()}"
        )
    return f"livekit_{version}_{system}_{machine}.tar.gz"


def expected_checksum(listing: str, archive: str) -> str:
    """The checksum of `archive` in a checksums.txt (`SHA256  NAME` in each line)."""
    for line in listing.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].lstrip("*") == archive and len(words[0]) == 64:
            return words[0].lower()
    raise StepFailed(f"the release page's checksums.txt does not name {archive}")


def _get(url: str) -> bytes:
    """The content of `url`, with progress, given up when nothing comes for a while."""
    started = time.monotonic()
    next_news = NEWS_EVERY_S
    parts: list[bytes] = []
    got = 0
    try:
        with urllib.request.urlopen(url, timeout=SILENCE_S) as answer:
            size = int(answer.headers.get("Content-Length") or 0)
            while part := answer.read(1 << 18):
                parts.append(part)
                got += len(part)
                took = time.monotonic() - started
                if got > LARGEST_BYTES or took > LIMIT_S:
                    raise StepFailed(f"{url}: given up after {took:.0f} s and {got >> 20} MB")
                if took > next_news:
                    of = f" of {size >> 20}" if size else ""
                    tell(f"livekit-server: {took:.0f} s … {got >> 20}{of} MB")
                    next_news = took + NEWS_EVERY_S
            if size and got != size:
                raise StepFailed(f"{url}: the download broke off after {got} of {size} bytes")
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise StepFailed(f"{url} cannot be reached: {reason}") from None
    return b"".join(parts)


def _unpack(content: bytes, target: Path) -> None:
    part = target.with_suffix(".part")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            member = next(
                (
                    member
                    for member in archive
                    if Path(member.name).name == "livekit-server" and member.isfile()
                ),
                None,
            )
            if member is None or (file := archive.extractfile(member)) is None:
                raise StepFailed("the release archive holds no livekit-server")
            part.write_bytes(file.read())
    except tarfile.TarError as error:
        raise StepFailed(f"the release archive cannot be unpacked: {error}") from None
    part.chmod(0o755)
    part.replace(target)
