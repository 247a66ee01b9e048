"""Some 2,000 requests made from the OpenAPI document: it tells each of the answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from common.retry import DISPATCH
from proxy.timeline.subscribers import Subscriber
from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.letta_server import LettaServer

SEED = 20261126
EXAMPLES = 42
"""Requests of each kind, right and wrong, for each of some thirty operations."""
UPSTREAM_AWAY = {502, 503}
TIMEOUT_S = 10.0
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


class _EndsAtOnce(Subscriber):
    """A stream of events ends after what has happened, so that its answer can be read whole."""

    @property
    def ended(self) -> bool:
        return True

    @ended.setter
    def ended(self, value: bool) -> None:
        pass


async def test_every_answer_is_documented(
    start_proxy: StartProxy,
    letta: LettaServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.timeline.stream.Subscriber", _EndsAtOnce)
    at_once = replace(DISPATCH, first_wait_s=0.001, longest_wait_s=0.001)
    monkeypatch.setattr("proxy.dispatch.reconciler.DISPATCH", at_once)
    proxy = await start_proxy(
        letta_base_url=letta.url, calls_database=tmp_path / "calls.db", faults_enabled=True
    )
    document = (await proxy.get("/api/openapi.json")).json
    answers, failures = await asyncio.to_thread(_ask, proxy, document)
    assert not failures, "\n\n".join(failures)
    assert len(answers) >= 2000
    assert {200, 400, 401, 403, 404} <= set(answers)


def _ask(proxy: Proxy, document: dict[str, Any]) -> tuple[list[int], list[str]]:
    """The status of every answer, and the requests with an answer that is not documented."""
    schema = schemathesis.openapi.from_dict(document)
    statuses: list[int] = []
    failures: list[str] = []
    with requests.Session() as session:
        session.trust_env = False
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), result
            operation = result.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                strategy = operation.as_strategy(generation_mode=mode)

                @hypothesis.seed(SEED)
                @hypothesis.settings(
                    max_examples=EXAMPLES,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(hypothesis.HealthCheck),
                    phases=[hypothesis.Phase.generate],
                )
                @hypothesis.given(case=strategy)
                def ask(case: Any) -> None:
                    response = case.call(
                        base_url=proxy.url,
                        session=session,
                        timeout=TIMEOUT_S,
                        allow_redirects=False,
                    )
                    statuses.append(response.status_code)
                    assert response.status_code < 500 or response.status_code in UPSTREAM_AWAY
                    case.validate_response(response, checks=CHECKS)

                try:
                    ask()
                except Exception as failure:
                    failures.append(f"{operation.label}: {failure}")
    return statuses, failures
