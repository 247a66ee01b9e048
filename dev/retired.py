"""Programs that have handed over their work to one with new code: they end their calls, then
themselves, or with everything else."""

import asyncio

from dev.program import Program
from dev.state import State


class Retired:
    """Those of one launcher; each stands in its record as long as it lives."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tasks: dict[Program, asyncio.Task[None]] = {}

    def add(self, program: Program) -> None:
        self._state.add_beside(program)
        self._tasks[program] = asyncio.create_task(self._see_off(program))

    async def end(self) -> None:
        """End them now, with the calls they have."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*map(self._clean_up, list(self._tasks)))

    async def _see_off(self, program: Program) -> None:
        code = await program.ended()
        await self._clean_up(program)
        how = f"pid {program.identity.pid}, which ran the code from before, has ended"
        self._state.log.say(f"{how} (exit code {code})", "WARNING" if code else "INFO")

    async def _clean_up(self, program: Program) -> None:
        for sentence in await program.end():
            self._state.log.say(sentence, "WARNING")
        self._state.drop_beside(program)
        self._tasks.pop(program, None)
