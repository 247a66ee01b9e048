/** What can be done about a verdict right here: a button of the page, or a command to copy. Pure. */

/**
 * @typedef {'start-audio'|'unmute'|'retry-microphone'|'connect-again'} Action
 *
 * @typedef {object} NextStep
 * @property {{action: Action, label: string}|null} button
 * @property {string[]} commands
 */

/** The words by which a next step names what this page can do. @type {[RegExp, Action, string][]} */
const BUTTONS = [
  [/\bStart audio\b/, 'start-audio', 'Start audio'],
  [/\bUnmute\b/, 'unmute', 'Unmute'],
  [/\bTry again\b|\bRetry microphone\b/, 'retry-microphone', 'Retry microphone'],
  [/\bconnect again\b|\bpress Connect\b/i, 'connect-again', 'Connect again'],
];
const PROCESSES = 'stop|status|logs|livekit|models|letta|agent|proxy';
const COMMAND = new RegExp(
  `\`([^\`]+)\`|(\\./restart_voice_system\\.sh(?: (?:${PROCESSES})\\b)*|` +
    `\\./scripts/[\\w-]+(?: --[\\w-]+)*)`,
  'g',
);

/**
 * @param {string} next the next step in words
 * @param {import('./call.js').Call|null} call null if it is past, and nothing can be done about it
 * @returns {NextStep}
 */
export function nextStep(next, call) {
  const found = BUTTONS.find(([words, action]) => words.test(next) && call && possible(action, call));
  const commands = [...next.matchAll(COMMAND)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  return {
    button: found ? { action: found[1], label: found[2] } : null,
    commands: [...new Set(commands)],
  };
}

/** @param {Action} action @param {import('./call.js').Call} call */
function possible(action, call) {
  const connected = call.phase === 'connected';
  switch (action) {
    case 'start-audio':
      return connected && call.soundBlocked;
    case 'unmute':
      return connected && call.muted;
    case 'retry-microphone':
      return connected && call.microphone === 'failed';
    default:
      // Before the first call there is nothing to do again; and while it begins, it begins.
      return connected || call.room !== '';
  }
}
