"""The same bookkeeping of runs with fewer statements: a third of all that a turn sends to Postgres.

Letta loads an agent with all its relations (a dozen statements) to read its project, and again to
write down why its last run stopped; and when a run has only just begun it counts its steps and
messages, of which there are none.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

from contextvars import ContextVar
from datetime import UTC, datetime

from letta.orm.agent import Agent
from letta.orm.run import Run
from letta.schemas.enums import RunStatus
from letta.server.db import db_registry
from letta.services.agent_manager import AgentManager
from letta.services.run_manager import RunManager
from sqlalchemy import event, update
from sqlalchemy.orm import Session, lazyload

_alone = ContextVar("voice_agents_without_relations", default=False)


def keep_short():
    """Put the short ways in the place of the long ones, where they come to the same."""
    create, change = RunManager.create_run, RunManager.update_run_by_id_async
    change_agent = AgentManager.update_agent_async

    @event.listens_for(Session, "do_orm_execute")
    def load_alone(state):
        mapper = state.bind_mapper if _alone.get() and state.is_select else None
        if mapper and mapper.class_ is Agent:
            state.statement = state.statement.options(lazyload("*"))

    async def create_run(self, *arguments, **named):
        token = _alone.set(True)
        try:
            return await create(self, *arguments, **named)
        finally:
            _alone.reset(token)

    async def update_run_by_id_async(self, run_id, update, actor, **named):
        only_begun = update.model_fields_set <= {"status", "metadata"} and not update.metadata
        if only_begun and update.status == RunStatus.running:
            return await _begin(run_id, actor)
        return await change(self, run_id=run_id, update=update, actor=actor, **named)

    async def update_agent_async(self, agent_id, agent_update, actor):
        if agent_update.model_fields_set == {"last_stop_reason"}:
            return await _stopped(agent_id, agent_update.last_stop_reason, actor)
        return await change_agent(self, agent_id=agent_id, agent_update=agent_update, actor=actor)

    RunManager.create_run = create_run
    RunManager.update_run_by_id_async = update_run_by_id_async
    AgentManager.update_agent_async = update_agent_async


async def _begin(run_id, actor):
    """Returns no run, unlike what it stands for: nobody looks at it."""
    async with db_registry.async_session() as session:
        await session.execute(
            update(Run)
            .where(Run.id == run_id, Run.organization_id == actor.organization_id)
            .where(Run.status == RunStatus.created)  # it may have been cancelled meanwhile
            .values(status=RunStatus.running, updated_at=datetime.now(UTC))
        )


async def _stopped(agent_id, reason, actor):
    """Returns no agent, unlike what it stands for: nobody looks at it."""
    async with db_registry.async_session() as session:
        await session.execute(
            update(Agent)
            .where(Agent.id == agent_id, Agent.organization_id == actor.organization_id)
            .values(last_stop_reason=reason, updated_at=datetime.now(UTC))
        )
