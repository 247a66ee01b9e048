"""Private names and log texts of livekit-agents that the worker relies on: an upgrade that takes
one away, or no longer calls it, fails here instead of in a call."""

from __future__ import annotations

import importlib
import inspect
import mmap
from importlib import resources
from multiprocessing import forkserver

import pytest
from livekit.agents import llm, stt, tokenize, vad, worker
from livekit.agents.tokenize import tokenizer
from livekit.agents.utils import http_context
from livekit.agents.voice import remote_session
from livekit.agents.voice.room_io import _output as room_output

from agent.job import room_exit
from agent.worker import server
from agent.worker.forkserver import FRAMEWORK


def test_an_llm_stream_runs_what_we_override_and_reads_the_channel_we_write_to() -> None:
    """agent/letta/llm.py"""
    source = inspect.getsource(llm.LLMStream)
    assert "await self._run()" in source
    assert "tee(self._event_ch" in source


def test_a_recognize_stream_runs_what_we_override_and_has_our_two_channels() -> None:
    """agent/speech: our streams of speech-to-text."""
    source = inspect.getsource(stt.RecognizeStream)
    assert "await self._run()" in source
    assert "self._input_ch.send_nowait(frame)" in source
    assert "tee(self._event_ch" in source
    assert "self._recognize_impl(" in inspect.getsource(stt.STT.recognize)


def test_a_vad_stream_runs_what_we_override_and_has_our_two_channels() -> None:
    """agent/speech/vad.py"""
    source = inspect.getsource(vad.VADStream)
    assert "create_task(self._main_task())" in source
    assert "self._input_ch.send_nowait(frame)" in source
    assert "tee(self._event_ch" in source


def test_a_sentence_stream_has_what_we_call_and_reads_the_channel_we_write_to() -> None:
    """agent/speech/voicing.py"""
    assert issubclass(tokenize.SentenceStream, tokenizer.SentenceStream)
    source = inspect.getsource(tokenizer.SentenceStream)
    assert "raise RuntimeError" in inspect.getsource(tokenizer.SentenceStream._check_not_closed)
    assert "def _do_close(self)" in source
    assert "self._event_ch.__anext__()" in source


def test_the_tls_context_is_made_by_the_function_we_call() -> None:
    """agent/http_clients.py shares one context; LiveKit's clients must still get theirs there."""
    assert "ssl=_create_ssl_context()" in inspect.getsource(http_context)


@pytest.mark.parametrize("text", room_exit.UNSENT_OF_AGENTS)
def test_what_livekit_agents_logs_when_it_cannot_send(text: str) -> None:
    """agent/job/room_exit.py"""
    modules = (remote_session, room_output)
    assert any(text in inspect.getsource(module) for module in modules)


@pytest.mark.parametrize("text", room_exit.UNSENT_OF_NATIVE)
def test_what_the_native_library_logs_when_it_cannot_send(text: str) -> None:
    """agent/job/room_exit.py. These texts are in native code only: seen is that they are in it, not
    that they are still logged."""
    (library,) = (
        file
        for file in resources.files("livekit.rtc.resources").iterdir()
        if file.name.endswith((".so", ".dylib", ".dll"))
    )
    with (
        resources.as_file(library) as path,
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        assert content.find(text.encode()) >= 0


def test_what_we_log_ourselves_when_it_cannot_be_sent() -> None:
    from agent import events

    for text in room_exit.UNSENT_OF_OURS:
        assert text in inspect.getsource(events)


def test_what_job_processes_are_made_from_is_python_s_and_preloads_what_we_name() -> None:
    """agent/worker/forkserver.py"""
    assert hasattr(forkserver._forkserver, "_forkserver_pid")
    assert "_forkserver_pid = pid" in inspect.getsource(forkserver)
    source = inspect.getsource(worker)
    for name in FRAMEWORK:
        importlib.import_module(name)
        assert name in source, "livekit-agents preloads it no more"


def test_the_load_of_the_worker_leaves_the_idle_processes_alone() -> None:
    """agent/worker/server.py sets how many are ready; a finite threshold would set it at a look."""
    source = inspect.getsource(worker)
    guarded = source[source.index("math.isinf(") :]
    assert "set_target_idle_processes" in guarded[:2000]
    assert "load_threshold=math.inf" in inspect.getsource(server)
