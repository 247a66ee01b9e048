"""join: the agent enters the room and its session starts to listen."""

from __future__ import annotations

from itertools import pairwise

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.history import order
from proxy.verdicts.rules import Link, Rules, seconds
from proxy.verdicts.verdict import Verdict

NOTICED_S = 1.5
"""Seconds after which it is said that a step takes longer than usual."""
SLOW_S, SLOW_ALL_S = 4.3, 9.0
"""Seconds each step, and all together, may take; a busy machine needs some of them."""
NO_SIGN_S = 4.0
LEFT_S = 0.8
"""Seconds between the agent's leaving and the news that the caller had left before."""
TWO_S = 1.5
"""Seconds for which a leaving agent and its successor may both be seen."""
NOTED_MS = 3000.0
LOG = "./restart_voice_system.sh logs agent"
GONE = ("join.agent_left", "join.participant_left", "job.ended", "job.process_ended")
LISTENS = ("join.agent_ready", "job.session_started", "job.init_done")
CALLER = ("signal.participant_joined", "signal.connected", "media.connected")
STEPS = (
    ("dispatch.made", "the dispatch"),
    ("job.accepted", "a worker taking the job"),
    ("job.handshake_start", "the start of the entrypoint"),
    ("job.ctx_connected", "connecting to the room"),
    ("join.agent_joined", "the agent's appearing"),
    ("job.session_started", "starting the session"),
    ("join.agent_ready", "the agent's listening"),
)

stage = Rules("join", usual_ms=500, works=("join.agent_ready",))


@stage.cause("two-agents")
def two_agents(call: CallView) -> Verdict | None:
    """Both would hear the caller, and both would answer."""
    present = call.agents
    if len(present) < 2:
        return None
    latest = max(present.values(), key=lambda event: event.at)
    if call.age(latest) < TWO_S:
        return None
    names = " and ".join(sorted(present))
    return stage.failing(
        f"{len(present)} agents are in the room ({names}): a second dispatch was made, and both "
        "answer.",
        "Disconnect and connect again. Who else dispatches (the room's configuration, the token's "
        "room_config, lk dispatch create, a worker without a name)?",
        *present.values(),
        *call.all("dispatch.made"),
        since=latest.at,
    )


@stage.cause("agent-left")
def agent_left(call: CallView) -> Verdict | None:
    """The agent was there and is not any more, while the caller still is."""
    left = call.last("join.agent_left", "join.participant_left")
    came = call.first("join.agent_joined", "join.participant_joined")
    if left is None or call.agents or came is None or came.at > left.at:
        return None
    if call.last(*CALLER) is None:
        return None  # nobody was there for whom it should have stayed
    again = call.after(left, "dispatch.made", "job.accepted", "job.handshake_start")
    age = call.age(again or left)
    if age < LEFT_S or (again is not None and age < SLOW_S):
        return stage.waiting("The agent left the room.", left, since=left.at)
    ended = call.last("job.ended", "job.process_ended")
    reason = left.data.get("reason") or (ended.data.get("reason") if ended is not None else "")
    return stage.failing(
        "The agent joined and then left the room, while the caller is still there"
        f"{f' ({reason})' if reason else ''}.",
        f"Connect again, or Disconnect first. The log says why it left: {LOG}",
        left,
        ended,
        since=left.at,
    )


@stage.cause("session-not-started")
def not_started(call: CallView) -> Verdict | None:
    """Another's agent is in the room, and shows neither a state nor a track."""
    if not call.tells_nothing:
        return None
    if call.last("play.track_published", "play.track_subscribed", "play.audible") is not None:
        return None
    came = max(call.agents.values(), key=lambda event: event.at)
    if call.age(came) < NO_SIGN_S:
        return None
    return stage.failing(
        f"The agent has been in the room for {call.age(came):.0f} s and gives no sign of a "
        "session: no state, no track, no word.",
        "Does its entrypoint call session.start(agent=…, room=ctx.room) after ctx.connect()? "
        f"{LOG}",
        came,
        call.last("job.state"),
        since=came.at,
    )


@stage.cause("slow-to-join")
def slow(call: CallView) -> Verdict | None:
    """Each step of the start is timed: the slow one is named."""
    if call.agents and _listens(call) is not None:
        return _was_slow(call)
    step = _last_step(call)
    begun = call.last("dispatch.made") or call.last("dispatch.accepted")
    if step is None or step.topic in ("dispatch.made", "job.accepted"):
        return None  # nobody took the job, or it has not begun: the stage before says so
    # The worker may tell the end of a job before the server tells that the caller hung up.
    if call.after(step, *GONE) is not None:
        return None  # it came, and went
    whole = call.age(begun) if begun is not None else 0.0
    retry = call.after(step, "job.retry")
    error = f" ({retry.data.get('what')} failed: {retry.data.get('error')})" if retry else ""
    if call.age(step) < NOTICED_S and whole < SLOW_S:
        return None
    if call.age(step) < SLOW_S and whole < SLOW_ALL_S:
        return stage.waiting(
            f"The agent is slow to join: asked for {max(whole, call.age(step)):.1f} s ago (usually "
            f"0.5 s), and since {_name(step.topic)} {call.age(step):.1f} s have passed{error}.",
            step,
            begun,
            since=step.at,
        )
    return stage.late(
        f"The agent does not listen yet, {max(whole, call.age(step)):.1f} s after it was asked for "
        f"(usually 0.5 s): since {_name(step.topic)} {call.age(step):.1f} s have passed{error}"
        f"{_timings(call)}.",
        f"The job's log names the step it is at: {LOG}. A machine short of CPU, or a slow Letta, "
        "delays the session.",
        step,
        retry,
        begun,
        since=step.at,
    )


@stage.proof
def proof(call: CallView) -> Verdict | None:
    ready = _listens(call)
    if ready is None:
        return None
    if not call.agents:
        return stage.ok("The agent listened.", ready) if call.ended is not None else None
    newest = max(call.agents.values(), key=lambda event: event.at)
    news = call.last("join.agent_ready") or ready
    if ready is newest:
        return stage.not_told(
            "The agent is in the room; it does not tell whether it listens.", newest
        )
    took = news.data.get("ms") or news.data.get("elapsed_ms")
    return stage.ok("The agent listens.", newest, news, ms=took)


def _listens(call: CallView) -> Event | None:
    """The news that the agent of now listens: the page's, or without a page the worker's."""
    newest = max(call.agents.values(), key=lambda event: event.at, default=None)
    ready = call.last("join.agent_ready")
    left = call.last("join.agent_left", "join.participant_left")
    if ready is not None and (left is None or left.at <= ready.at or call.agents):
        return ready
    talks = call.last("hear.speech_started", "think.request", "play.speaking")
    if talks is not None:
        return talks
    state = call.last("join.agent_state", source="agent")
    if state is not None and state.data.get("to") in ("listening", "idle"):
        return state
    if call.has_page and newest is not None and newest.source == "browser":
        return None
    # Of a job elsewhere nothing may be told; its agent is there, which must do.
    silent = newest if call.last("job.handshake_start", "job.accepted") is None else None
    return call.last("job.session_started", "job.init_done") or silent


def _last_step(call: CallView) -> Event | None:
    """How far the job of the last dispatch has come."""
    return call.last(*(topic for topic, _ in STEPS[:-1]))


def _was_slow(call: CallView) -> Verdict | None:
    begun, ready = call.last("dispatch.made"), call.last("join.agent_ready")
    if begun is None or ready is None or (ready.at - begun.at) * 1000 < NOTED_MS:
        return None
    return stage.ok(
        f"The agent listens; it took {ready.at - begun.at:.1f} s (usually 0.5 s){_timings(call)}.",
        begun,
        ready,
        ms=(ready.at - begun.at) * 1000,
        next="Was the machine short of CPU when the call began? The first call is slower.",
    )


def _timings(call: CallView) -> str:
    """The steps of the start, each with its time, the slowest first."""
    steps = [(event, words) for topic, words in STEPS if (event := call.last(topic)) is not None]
    steps.sort(key=lambda step: step[0].at)
    took = [
        ((later.at - earlier.at) * 1000, words) for (earlier, _), (later, words) in pairwise(steps)
    ]
    if not took:
        return ""
    took.sort(reverse=True)
    return "; " + ", ".join(f"{words} took {seconds(ms)}" for ms, words in took[:3])


def _name(topic: str) -> str:
    return next((words for name, words in STEPS if name == topic), topic)


def _unseen(call: CallView) -> Event | None:
    """The agent's coming as a page has seen it that does not see it listen."""
    came = call.last("join.agent_joined")
    talks = ("hear.speech_started", "think.request", "play.speaking")
    if came is None or call.after(came, "join.agent_ready", *talks) is not None:
        return None
    return came


def _over(call: CallView) -> Event | None:
    """The end of the agent's work, when no other agent has come since and a caller has."""
    over = call.last("job.ended", "job.process_ended")
    if over is None or call.last(*CALLER) is None:
        return None
    return None if any(order(came) > order(over) for came in call.agents.values()) else over


def _on_its_way(call: CallView) -> Event | None:
    """How far an agent has come that does not listen yet."""
    if call.agents:
        if _listens(call) is not None:
            return _unseen(call)
        return max(call.agents.values(), key=lambda event: event.at)
    step = _last_step(call)
    return None if step is None or step.topic == "dispatch.made" else step


stage.owes(
    Link(
        given="the agent had its job",
        owed="it is in the room and listens",
        told_by="the page, by the agent's state; the SFU; the worker",
        within_s=SLOW_ALL_S + 1.0,
        doing="The agent is on its way into the room and gets ready.",
        since=_on_its_way,
        by=(),
        unless=GONE,
        likely=(
            f"The job's log names the step it is at: {LOG}",
            "the machine is short of CPU (top)",
        ),
        asks=("agent", "letta"),
    ),
    Link(
        given="the agent's job had ended",
        owed="the caller has hung up, or another agent is on its way",
        told_by="the page; the SFU; the worker",
        within_s=5.0,
        doing="The agent's job is over.",
        since=_over,
        by=("dispatch.made", "job.accepted", "job.handshake_start", "signal.participant_left"),
        unless=("media.disconnected",),
        likely=(
            f"Connect again. The log says why it ended: {LOG}",
            "the LiveKit server's webhooks do not reach the proxy: "
            "./restart_voice_system.sh logs livekit",
        ),
        asks=("agent", "livekit"),
    ),
)
