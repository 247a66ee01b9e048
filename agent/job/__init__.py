"""A job is one call. Here stands what the worker hands to its job processes, by name.

The functions import what they need when they run: the worker itself has no calls, and without Letta
and speech it starts sooner and is smaller. Job processes have it all imported already.
"""

from __future__ import annotations

from livekit.agents import JobContext, JobProcess


def prepare(process: JobProcess) -> None:
    from agent.job import process as job_process

    job_process.prepare(process)


async def run_job(ctx: JobContext) -> None:
    from agent.job import job

    await job.entrypoint(ctx)
