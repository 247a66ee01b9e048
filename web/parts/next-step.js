/** What to do about a verdict: in words, as a button where this page can do it, to copy where not. */

import { connectAgain, retryMicrophone, startSound, toggleMute } from '../call/call.js';
import { nextStep } from '../state/next-step.js';
import { copyText } from './copy.js';
import { h, icon } from './dom.js';

/** @type {Record<import('../state/next-step.js').Action, () => Promise<void>>} */
const DO = {
  'start-audio': startSound,
  unmute: toggleMute,
  'retry-microphone': retryMicrophone,
  'connect-again': connectAgain,
};

/**
 * @param {string} next
 * @param {import('../state/call.js').Call|null} call that a button can do something about
 * @returns {HTMLElement}
 */
export function nextStepOf(next, call) {
  const { button, commands } = nextStep(next, call);
  const box = h('div', { class: 'next-step' }, h('h3', {}, 'Next step'), h('p', {}, next));
  const doing = h('div', { class: 'next-buttons' });
  if (button) {
    const made = h('button', { type: 'button', class: 'primary' }, button.label);
    made.addEventListener('click', () => void DO[button.action]());
    doing.append(made);
  }
  for (const command of commands) {
    const shown = h('code', {}, command);
    const copy = h('button', { type: 'button' }, icon('copy'), h('span', {}, 'Copy'), shown);
    copy.addEventListener('click', () => void copyText(command, copy.children[1], shown));
    doing.append(copy);
  }
  if (doing.childElementCount) box.append(doing);
  return box;
}
