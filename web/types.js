/**
 * The shapes that the page's modules share. Nothing here runs; `tsc --noEmit` reads it.
 *
 * Everything that happens is one event, in the shape of the system's timeline. Events of the page's
 * own life (a list loaded, a row selected) have `stage: null` and never concern the call.
 *
 * @typedef {'system'|'token'|'signal'|'media'|'dispatch'|'job'|'join'|'hear'|'transcribe'|'think'|
 *   'speak'|'play'} Stage
 *
 * @typedef {`${Stage}.${string}`} Topic an event of a call; common/event_table.py has all of them
 *
 * @typedef {object} VoiceEvent
 * @property {number} at seconds since 1970, by the clock of whoever reports it
 * @property {string} room
 * @property {'browser'|'agent'|'proxy'|'sfu'|'letta'} source
 * @property {Stage|null} stage
 * @property {string} name
 * @property {Record<string, unknown>} data
 * @property {number} [seen] seconds since 1970 when it reached this page; `at` if absent
 * @property {string} [key] its reporter's own, the same when it is reported again
 *
 * @typedef {object} Problem something that went wrong, for a person
 * @property {string} what what happened
 * @property {string} next what to do
 *
 * @typedef {'ok'|'waiting'|'failing'|'not seen yet'|'not told'|'not reached'} VerdictState
 *
 * @typedef {object} Quote a line that proves a verdict
 * @property {string} text
 * @property {string} source where it comes from: a source of events, a log, a probe
 * @property {number|null} at seconds since 1970
 *
 * @typedef {object} Verdict
 * @property {VerdictState} state
 * @property {string} cause a code such as microphone-denied, or ''
 * @property {string} sentence
 * @property {string} next the next step, or '' when there is none
 * @property {number|null} ms how long the stage took the last time
 * @property {number|null} usualMs how long it takes usually
 * @property {number|null} since when it is in this state, in seconds since 1970 by this page's clock
 * @property {Quote[]} quotes what proves it
 *
 * @typedef {object} LettaAgent
 * @property {string} id
 * @property {string} name
 * @property {string} model
 * @property {string} description
 *
 * @typedef {object} MemoryBlock
 * @property {string} id
 * @property {string} label
 * @property {string} value
 * @property {number|null} limit characters
 * @property {string} description
 *
 * @typedef {object} BlockVersion
 * @property {string} id
 * @property {string} at ISO 8601
 * @property {string} why who has changed the block, and how
 *
 * @typedef {object} ProcessHealth
 * @property {string} name
 * @property {string} state preparing, starting, ready, restarting, failed, monitoring or stopped
 * @property {string} detail
 * @property {number|null} since seconds since 1970
 * @property {boolean} answers false if it did not answer just now
 * @property {string} cause the launcher's word for what is wrong, or ''
 * @property {number} restarts since it was started by a person
 * @property {string[]} log the last lines of its log that tell
 *
 * @typedef {object} ToolCall
 * @property {string} id
 * @property {string} name
 * @property {string} arguments
 * @property {string|null} status null until the tool has returned
 * @property {string} result
 * @property {{label: string, before: string, after: string}|null} change what it made of a memory
 *   block
 *
 * @typedef {object} Turn what the worker reported about one turn
 * @property {string} id
 * @property {Record<string, number|null>|null} ms marks from the end of the caller's speech
 * @property {string} reasoning
 * @property {ToolCall[]} tools
 * @property {boolean} interrupted
 * @property {string|null} heard the part of the reply that was played, if it was interrupted
 * @property {string} reply
 * @property {Problem|null} problem
 * @property {VoiceEvent[]} events
 *
 * @typedef {object} Utterance one row of the conversation
 * @property {string} id
 * @property {'caller'|'agent'|'note'} who
 * @property {string} text
 * @property {boolean} final
 * @property {boolean} typed
 * @property {boolean} held typed before an agent was there to read it
 * @property {number} at
 * @property {string|null} turn
 */

export {};
