"""Private names and log texts of livekit-agents that the worker relies on: an upgrade that takes
one away, or no longer calls it, fails here instead of in a call."""

from __future__ import annotations

import importlib
import inspect
import mmap
from importlib import resources
from multiprocessing import forkserver
from types import ModuleType

import httpcore
import httpcore2
import httpx
import httpx2
import pytest
from livekit.agents import llm, stt, tokenize, vad, worker
from livekit.agents.ipc import _preload, job_proc_lazy_main, proc_pool, supervised_proc
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.log import logger
from livekit.agents.telemetry import loop_monitor, pii
from livekit.agents.tokenize import tokenizer
from livekit.agents.tts import tts as tts_module
from livekit.agents.utils import http_context
from livekit.agents.voice import remote_session
from livekit.agents.voice.room_io import _output as room_output

from agent.job import job, preload, room_exit
from agent.timeline import job_book
from agent.worker import server
from agent.worker.forkserver import FRAMEWORK, LOCAL_MODELS, LOOP_MONITOR
from common import failures
from common.logs import PRIVATE_PREFIX


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
    """agent/speech/spoken_text.py"""
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


def in_native_library(text: str) -> bool:
    """Whether LiveKit's native library has this text; whether it still uses it cannot be seen."""
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
        return content.find(text.encode()) >= 0


def test_why_a_job_ends_that_its_worker_ends() -> None:
    """agent/job/room_exit.py"""
    assert f'"{room_exit.BY_WORKER}"' in inspect.getsource(job_proc_lazy_main)
    assert "proc.aclose()" in inspect.getsource(worker.AgentServer._handle_termination)


@pytest.mark.parametrize("text", room_exit.UNSENT_OF_NATIVE)
def test_what_the_native_library_logs_when_it_cannot_send(text: str) -> None:
    """agent/job/room_exit.py"""
    assert in_native_library(text)


@pytest.mark.parametrize("text", ["engine: ", "signal failure: ", "client error: "])
def test_what_the_native_library_says_when_the_server_refuses_to_let_a_job_in(text: str) -> None:
    """agent/job/job.py. The library puts its sentence together from these."""
    assert text in job.REFUSED.pattern
    assert in_native_library(text)


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


def test_parts_of_livekit_agents_are_switched_off_by_these_variables() -> None:
    """agent/worker/forkserver.py"""
    assert _preload.ENV_PRELOAD_LOCAL_INFERENCE == LOCAL_MODELS
    assert loop_monitor.ENV_WARN_THRESHOLD_MS == LOOP_MONITOR


def test_being_registered_is_being_in_the_method_that_we_override() -> None:
    """agent/worker/server.py"""
    connecting = inspect.getsource(worker.AgentServer._connection_task)
    assert connecting.index(".register") < connecting.index("await self._run_ws(ws)")
    assert list(inspect.signature(worker.AgentServer._run_ws).parameters) == ["self", "ws"]


def test_a_failed_connection_is_logged_with_its_error() -> None:
    """agent/worker/server.py"""
    connecting = inspect.getsource(worker.AgentServer._connection_task)
    logged = connecting[connecting.index("logger.warning(") :]
    assert f'f"{server.CONNECTION_FAILED}, retrying' in logged
    assert '"error": e' in logged
    assert logger.name == server.FRAMEWORK_LOGGER


def test_the_pool_of_job_processes_tells_what_we_listen_to() -> None:
    """agent/worker/server.py"""
    assert 'self.emit("worker_started")' in inspect.getsource(worker.AgentServer)
    assert "self._proc_pool = ipc.proc_pool.ProcPool(" in inspect.getsource(worker.AgentServer)
    source = inspect.getsource(proc_pool.ProcPool)
    for event in ("job_launched", "started", "ready", "closed"):
        assert f'self.emit("process_{event}", proc)' in source
    assert isinstance(proc_pool.ProcPool.processes, property)
    assert isinstance(proc_pool.ProcPool.target_idle_processes, property)
    for name in ("pid", "exitcode", "killed", "running_job"):
        assert isinstance(getattr(ProcJobExecutor, name), property)


def test_a_job_that_crashed_is_logged_in_these_words() -> None:
    """agent/timeline/job_book.py"""
    source = inspect.getsource(job_proc_lazy_main)
    logged = source[source.index(f'"{job_book.CRASHED}"') :]
    assert "exc_info=t.exception()" in logged[:200]
    assert 'extra["job_id"] = ' in inspect.getsource(ProcJobExecutor.logging_extra)
    forwarded = inspect.getsource(supervised_proc)
    assert "extra = self.logging_extra()" in forwarded
    assert "setattr(record, key, value)" in forwarded


def test_what_a_caller_said_is_marked_in_log_records() -> None:
    """common/logs.py"""
    assert PRIVATE_PREFIX in inspect.getsource(pii)


def test_an_error_of_text_to_speech_without_sound_says_so() -> None:
    """common/failures.py"""
    assert f"{failures.EMPTY_WORDS[0]} were pushed" in inspect.getsource(tts_module)


@pytest.mark.parametrize("library", [httpx, httpx2, httpcore, httpcore2])
@pytest.mark.parametrize("name", failures.BROKEN_OFF)
def test_the_errors_of_a_broken_connection_have_these_names(library: ModuleType, name: str) -> None:
    """common/failures.py"""
    assert issubclass(getattr(library, name), Exception)


def test_what_is_loaded_before_the_first_call_is_there() -> None:
    """agent/job/preload.py: modules that a call would load in its own time, one of them private."""
    imported = inspect.getsource(preload)
    for name in ("anyio._backends._asyncio", "livekit.agents.llm.async_toolset"):
        assert f"import {name}" in imported
        importlib.import_module(name)


def test_the_load_of_the_worker_leaves_the_idle_processes_alone() -> None:
    """agent/worker/server.py sets how many are ready; a finite threshold would set it at a look."""
    source = inspect.getsource(worker)
    guarded = source[source.index("math.isinf(") :]
    assert "set_target_idle_processes" in guarded[:2000]
    assert "load_threshold=math.inf" in inspect.getsource(server)
