/** A dialog that changes a memory block, and shows what became of it. */

import { problemOf } from '../proxy-client.js';
import { wordDiff } from '../state/memory.js';
import { readVersion, readVersions, saveBlock } from '../watch/letta-watch.js';
import { h, setText, TAGS, uniqueId } from './dom.js';

export class BlockDialog extends HTMLElement {
  #title = h('h2', { id: uniqueId('title') });
  #value = h('textarea', { rows: 8 });
  #problem = h('p', { role: 'alert', class: 'problem' });
  #save = h('button', { type: 'submit', class: 'primary' }, 'Save');
  #versions = h('ol', { class: 'versions' });
  #history = h('details', {}, h('summary', {}, 'History'), this.#versions);
  #dialog = h('dialog');
  #request = 0;
  /** @type {{agentId: string, block: import('../types.js').MemoryBlock}|null} */
  #shown = null;

  connectedCallback() {
    const cancel = h('button', { type: 'button' }, 'Cancel');
    cancel.addEventListener('click', () => this.#dialog.close());
    const form = h(
      'form',
      {},
      this.#title,
      h('label', { class: 'stacked' }, 'What the agent always has before it', this.#value),
      this.#history,
      this.#problem,
      h('div', { class: 'dialog-buttons' }, cancel, this.#save),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#history.addEventListener('toggle', () => void this.#showVersions());
    this.#dialog.addEventListener('close', () => (this.#request += 1));
    this.#dialog.setAttribute('aria-labelledby', this.#title.id);
    this.#dialog.append(form);
    this.replaceChildren(this.#dialog);
  }

  /**
   * @param {string} agentId
   * @param {import('../types.js').MemoryBlock} block
   * @param {boolean} keepsHistory
   */
  open(agentId, block, keepsHistory) {
    this.#shown = { agentId, block };
    setText(this.#title, `Memory block ${block.label}`);
    this.#value.value = block.value;
    this.#value.maxLength = block.limit ?? -1;
    this.#history.hidden = !keepsHistory;
    this.#history.open = false;
    this.#say('', false);
    this.#dialog.showModal();
    this.#value.focus();
  }

  async #submit() {
    if (this.#save.disabled || !this.#shown) return;
    const { agentId, block } = this.#shown;
    await this.#doing('Saving…', async () => {
      await saveBlock(agentId, block.label, this.#value.value);
      this.#dialog.close();
    });
  }

  async #showVersions() {
    if (!this.#history.open || !this.#shown) return;
    const { agentId, block } = this.#shown;
    this.#versions.replaceChildren(h('li', { class: 'empty' }, 'Reading…'));
    await this.#doing('', async () => {
      const versions = await readVersions(agentId, block.label);
      const items = versions.map((version) => this.#version(agentId, block, version));
      this.#versions.replaceChildren(...items);
    });
  }

  /**
   * @param {string} agentId
   * @param {import('../types.js').MemoryBlock} block
   * @param {import('../types.js').BlockVersion} version
   */
  #version(agentId, block, version) {
    const text = h('p');
    const put = h('button', { type: 'button', class: 'quiet' }, 'Put back');
    const look = h('button', { type: 'button', class: 'quiet' }, 'Compare');
    const at = new Date(version.at);
    put.addEventListener('click', () =>
      this.#doing('', async () => {
        this.#value.value = await readVersion(agentId, block.label, version.id);
        this.#say('It is put back when you save.', false, 'calm');
      }),
    );
    look.addEventListener('click', () =>
      this.#doing('', async () => {
        const then = await readVersion(agentId, block.label, version.id);
        const pieces = wordDiff(then, block.value);
        text.replaceChildren(...pieces.map((piece) => h(TAGS[piece.kind], {}, piece.text)));
      }),
    );
    const when = h('time', { datetime: version.at }, at.toLocaleString());
    return h('li', {}, when, h('span', {}, version.why), look, put, text);
  }

  /** @param {string} told @param {() => Promise<void>} work */
  async #doing(told, work) {
    this.#request += 1;
    const request = this.#request;
    this.#say(told, told !== '');
    try {
      await work();
      if (request === this.#request && told) this.#say('', false);
    } catch (error) {
      if (request !== this.#request) return;
      const { what, next } = problemOf(error);
      this.#say([what, next].filter(Boolean).join(' '), false);
    }
  }

  /** @param {string} text @param {boolean} busy @param {'bad'|'calm'} tone */
  #say(text, busy, tone = busy ? 'calm' : 'bad') {
    setText(this.#problem, text);
    this.#problem.dataset.tone = tone;
    this.#save.disabled = busy;
  }
}
