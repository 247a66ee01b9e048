"""Another Whisper than the installation's: a folder, a name of the hub, and what is said if not."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from aiohttp import web

from dev.models.hearing import models
from dev.models.hearing.listening import Listening
from dev.models.settings import ModelsSettings
from tests.running_system import free_ports
from tests.system.models.test_voice import use_hub

REPOSITORY = models.REPOSITORIES["base.en"]


async def heard_with(**settings: str) -> Listening:
    one = Listening(ModelsSettings(**settings))  # type: ignore[arg-type]
    one.start()
    await one.ready()
    one.close()
    return one


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("enormous", "'enormous' is neither a folder nor one of base, base.en"),
        ("base.en", f"the hub cannot be reached for {REPOSITORY}"),
        ("EMPTY", "has no model.bin"),
        ("BROKEN", "cannot be loaded"),
    ],
)
async def test_where_another_model_cannot_be_had_the_default_hears_and_it_is_said_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    use_hub(monkeypatch, free_ports(1)[0])
    monkeypatch.setattr(models, "ROOT", tmp_path / "root")
    folder = tmp_path / "model"
    folder.mkdir()
    if name == "BROKEN":
        (folder / models.MODEL).write_text("none")
    one = await heard_with(models_stt_model=str(folder) if name.isupper() else name)
    assert one.state == "ready"
    assert one.problem.startswith("MODELS_STT_MODEL: ")
    assert problem in one.problem
    assert one.problem.endswith("; tiny.en hears instead")


async def test_a_language_that_the_model_does_not_know_is_said() -> None:
    one = await heard_with(stt_language="de-AT")
    assert "STT_LANGUAGE is de-AT" in one.problem and "MODELS_STT_MODEL" in one.problem
    assert (await heard_with(stt_language="en-GB")).problem == ""


async def test_a_model_of_the_hub_is_fetched_once_and_a_folder_is_a_model_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = models.default()
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        if request.path == "/":
            return web.Response()
        if request.path.startswith("/api/models/"):
            files = [*(file.name for file in ours.iterdir()), "README.md"]
            return web.json_response(
                [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in files]
            )
        assert request.path.startswith(f"/{REPOSITORY}/resolve/main/")
        content = (ours / request.path.rpartition("/")[2]).read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": "0" * 40}
        return web.Response(body=content, headers=headers)

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answer)])
    (port,) = free_ports(1)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    use_hub(monkeypatch, port)
    monkeypatch.setattr(models, "ROOT", tmp_path)
    try:
        folder = await asyncio.to_thread(models.named, "base.en")
        assert not (folder / "README.md").exists()
        assert asked[-1].endswith("/model.bin"), "the last: with it the folder is whole"
        asked.clear()
        assert await asyncio.to_thread(models.named, "base.en") == folder
        assert asked == [], "it is here"
    finally:
        await runner.cleanup()
    assert (await heard_with(models_stt_model=str(folder))).problem == ""
