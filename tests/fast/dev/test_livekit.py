"""livekit-server: its configuration, where the binary is found, and the checked download."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dev.bootstrap.long_steps import StepFailed
from dev.livekit import binary, release
from dev.livekit.server_config import config

SCRIPT = "#!/bin/sh\necho livekit-server version {version}\n"


def test_the_configuration_is_loopback_only_with_webhooks_to_the_proxy() -> None:
    environ = {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s" * 32, "PROXY_PORT": "9100"}
    made = config(environ, ipv6=True)
    assert made["bind_addresses"] == ["127.0.0.1", "::1"]
    assert made["rtc"]["node_ip"] == "127.0.0.1"
    assert made["rtc"]["ips"] == {"includes": ["127.0.0.1/32"]}
    assert made["keys"] == {"k": "s" * 32}
    assert made["webhook"] == {
        "api_key": "k",
        "urls": ["http://localhost:9100/webhooks/livekit"],
    }
    assert config(environ, ipv6=False)["bind_addresses"] == ["127.0.0.1"]
    assert made["logging"]["json"] is False
    assert config({**environ, "LOG_FORMAT": "json"}, ipv6=True)["logging"]["json"] is True


def test_when_nothing_works_all_ways_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path, version: str) -> None:
        raise StepFailed(f"no network for {version}")

    monkeypatch.setattr("dev.bootstrap.long_steps.LOCKS", tmp_path / "locks")
    monkeypatch.setattr(binary, "from_release", fail)
    monkeypatch.setattr(binary, "from_go", fail)
    with pytest.raises(binary.NoBinary) as raised:
        binary.find_or_get({"VOICE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    text = str(raised.value)
    for way in ("on the PATH", "LIVEKIT_SERVER_BIN", str(tmp_path / "bin"), "go install"):
        assert way in text
    assert text.count(f"no network for {binary.VERSION}") == 2


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A release page of our own: its address and its folder, with one good release."""
    folder = tmp_path / "page" / f"v{binary.VERSION}"
    folder.mkdir(parents=True)
    content = SCRIPT.format(version=binary.VERSION).encode()
    archive = folder / release.archive_name(binary.VERSION)
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("livekit-server")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    (folder / "checksums.txt").write_text(f"{'0' * 64}  other.zip\n{checksum}  {archive.name}\n")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "page")))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    server.server_close()


def test_a_release_with_another_checksum_is_not_kept(
    page: tuple[str, Path], tmp_path: Path
) -> None:
    address, folder = page
    with (folder / release.archive_name(binary.VERSION)).open("ab") as file:
        file.write(b"x")
    with pytest.raises(StepFailed, match=r"has the checksum .* the release page names"):
        release.from_release(tmp_path / "livekit-server", binary.VERSION, address)
    assert not (tmp_path / "livekit-server").exists()


def test_a_release_that_is_not_named_is_not_used(page: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = page
    (folder / "checksums.txt").write_text("nothing\n")
    with pytest.raises(StepFailed, match=r"checksums\.txt does not name"):
        release.from_release(tmp_path / "livekit-server", binary.VERSION, address)


def test_an_unreachable_page_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"cannot be reached: .*refused"):
        release.from_release(tmp_path / "x", binary.VERSION, "http://127.0.0.1:1")
