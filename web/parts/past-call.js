/** Says that a past call is looked at, which one, and what can be done with it. */

import { callUrl } from '../proxy-client.js';
import { day, lengthOf } from '../state/times.js';
import { closeCall, removeCall } from '../watch/calls-watch.js';
import { h, icon, setText, uniqueId } from './dom.js';
import { Part } from './part.js';

export class PastCall extends Part {
  #what = h('p', { class: 'past-what', tabindex: -1 });
  #json = h('a', { class: 'button', download: true }, 'Export JSON');
  #vtt = h('a', { class: 'button', download: true }, 'Export WebVTT');
  #sure = sureDialog(() => void removeCall(this.#id));
  #id = '';

  build() {
    const remove = h('button', { type: 'button' }, 'Delete…');
    remove.addEventListener('click', () => this.#sure.showModal());
    const back = h('button', { type: 'button', class: 'primary' }, 'Back to now');
    back.addEventListener('click', closeCall);
    const label = h('strong', {}, icon('past'), 'Past call');
    this.append(
      label,
      this.#what,
      h('div', { class: 'past-buttons' }, this.#json, this.#vtt, remove, back),
      this.#sure,
    );
  }

  /** @param {import('./part.js').State} state */
  needs({ calls }) {
    return [calls.open];
  }

  /** @param {import('./part.js').State} state */
  render({ calls: { open } }) {
    this.hidden = open === null;
    if (!open) {
      this.#sure.close();
      this.#id = '';
      return;
    }
    const { call } = open;
    const turns = `${call.turns} ${call.turns === 1 ? 'turn' : 'turns'}`;
    setText(this.#what, `${call.room}, ${day(call.started)}, ${lengthOf(call)}, ${turns}`);
    this.#json.href = callUrl(call.id, 'json');
    this.#vtt.href = callUrl(call.id, 'vtt');
    // Whoever opened it by a key or with a screen reader is taken to it.
    if (this.#id !== call.id) this.#what.focus({ preventScroll: true });
    this.#id = call.id;
  }
}

/** @param {() => void} yes */
function sureDialog(yes) {
  const id = uniqueId('sure');
  const keep = h('button', { type: 'submit', value: 'keep' }, 'Keep it');
  const remove = h('button', { type: 'submit', value: 'delete', class: 'danger' }, 'Delete');
  const dialog = h(
    'dialog',
    { 'aria-labelledby': id },
    h(
      'form',
      { method: 'dialog' },
      h('h2', { id }, 'Delete this call?'),
      h('p', {}, 'Its events, its verdicts and what was said are removed for good.'),
      h('div', { class: 'dialog-buttons' }, keep, remove),
    ),
  );
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'delete') yes();
    dialog.returnValue = '';
  });
  return dialog;
}
