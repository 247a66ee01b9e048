"""The stock worker of the bench: what a person gets who follows LiveKit's own guide."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from dev.bench.subjects import STOCK
from dev.bench.worker import BenchWorker, bench_worker

AGENT_NAME = "stock-worker"


def stock_worker(environ: Mapping[str, str]) -> AbstractAsyncContextManager[BenchWorker]:
    """`environ`: a program's environment of the system, as dev/ composes it."""
    settings = {
        "OPENAI_BASE_URL": environ["MODELS_URL"],
        "OPENAI_API_KEY": "none",  # the plugins insist on one; the models server takes any
        "STOCK_AGENT_NAME": AGENT_NAME,
    }
    module = ("dev.bench.stock_worker", "start")
    return bench_worker(STOCK, AGENT_NAME, module, {**environ, **settings})
