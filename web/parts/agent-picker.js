/** Chooses whom to talk to: a Letta agent and its model, or the agent of another worker. */

import { ANOTHER, isAnother, wish, wishProblem } from '../state/agents.js';
import { tell } from '../store.js';
import { chooseAgent, chooseModel, loadAgents } from '../watch/letta-watch.js';
import { h, icon, setText, uniqueId } from './dom.js';
import { Part } from './part.js';

const SCRIPT =
  'a script, not a language model. For a real one, in .env: CHAT_PROVIDER=local with Ollama or ' +
  'LM Studio running, or CHAT_PROVIDER=openai and OPENAI_API_KEY; then restart.';

export class AgentPicker extends Part {
  #id = uniqueId('agent');
  #select = h('select', { id: this.#id, 'aria-describedby': `${this.#id}-hint` });
  #model = h('select', { id: `${this.#id}-model` });
  #modelRow = h('div', { class: 'model-row' });
  #name = h('input', { id: `${this.#id}-name`, maxlength: '256', spellcheck: 'false' });
  #nameRow = h('div', { class: 'another' });
  #metadata = h('textarea', { id: `${this.#id}-metadata`, rows: '2', spellcheck: 'false' });
  #create = h('button', { type: 'button', class: 'quiet' }, icon('plus'), 'New…');
  #another = h('div', { class: 'another' });
  #hint = h('p', { class: 'hint', id: `${this.#id}-hint` });

  build() {
    const refresh = h('button', { type: 'button', class: 'quiet', title: 'Refresh the list' });
    refresh.append(icon('refresh'), h('span', { class: 'hidden' }, 'Refresh the list'));
    refresh.addEventListener('click', () => void loadAgents());
    this.#create.addEventListener('click', () => tell('agent-dialog.opened'));
    this.#select.addEventListener('change', () => chooseAgent(this.#select.value));
    this.#model.addEventListener('change', () => {
      void chooseModel(this.#select.value, this.#model.value);
    });
    for (const input of [this.#name, this.#metadata]) {
      input.addEventListener('input', () => {
        tell('agents.another', { named: this.#name.value, metadata: this.#metadata.value });
      });
    }
    this.#nameRow.append(h('label', { for: this.#name.id }, 'Name (agent_name)'), this.#name);
    this.#another.append(
      this.#nameRow,
      h('label', { for: this.#metadata.id }, 'Metadata (JSON)'),
      this.#metadata,
    );
    this.#modelRow.append(h('label', { for: this.#model.id }, 'thinks with'), this.#model);
    this.append(
      h(
        'div',
        { class: 'field-head' },
        h('label', { for: this.#id }, 'Agent'),
        refresh,
        this.#create,
      ),
      this.#select,
      this.#modelRow,
      this.#another,
      this.#hint,
    );
  }

  /** @param {import('./part.js').State} state */
  needs({ agents, call }) {
    return [agents, call.phase];
  }

  /** @param {import('./part.js').State} state */
  render({ agents, call }) {
    const select = this.#select;
    const shown = [...select.options].map((option) => `${option.value} ${option.text}`).join('\n');
    const options = choices(agents);
    if (shown !== options.map(({ id, name }) => `${id} ${name}`).join('\n')) {
      const group = (/** @type {string} */ label, /** @type {boolean} */ others) => {
        const members = options.filter(({ id }) => id.startsWith(ANOTHER) === others);
        return h('optgroup', { label }, ...members.map(({ id, name }) => h('option', { value: id }, name)));
      };
      const others = group('Other workers', true);
      select.replaceChildren(...(agents.ours ? [group('Letta agents', false)] : []), others);
      this.#create.hidden = !agents.ours;
    }
    select.value = agents.chosen;
    select.disabled = call.phase !== 'idle';
    this.#another.hidden = !isAnother(agents);
    this.#nameRow.hidden = agents.chosen !== ANOTHER;
    if (this.#name.value !== agents.named) this.#name.value = agents.named;
    if (this.#metadata.value !== agents.metadata) this.#metadata.value = agents.metadata;
    this.#name.disabled = this.#metadata.disabled = call.phase !== 'idle';
    this.#renderModel(agents, call.phase === 'idle');
    setText(this.#hint, hint(agents));
    const failed = agents.state === 'failed' && !isAnother(agents);
    this.#hint.dataset.tone = failed ? 'bad' : 'calm';
  }

  /**
   * Only where there is a choice.
   * @param {import('../state/agents.js').Agents} agents @param {boolean} idle
   */
  #renderModel({ items, chosen, models }, idle) {
    const now = items.find(({ id }) => id === chosen)?.model ?? '';
    const handles = models.map(({ handle }) => handle);
    if (now && !handles.includes(now)) handles.unshift(now);
    this.#modelRow.hidden = !now || handles.length < 2;
    const shown = [...this.#model.options].map(({ value }) => value).join('\n');
    if (shown !== handles.join('\n')) {
      this.#model.replaceChildren(
        // The provider's name in Letta leaves no room for the model's own.
        ...handles.map((each) =>
          h('option', { value: each, title: each }, each.replace(/^[^/]*\//, '')),
        ),
      );
    }
    this.#model.value = now;
    this.#model.disabled = !idle;
  }
}

/**
 * All that can be chosen: Letta's agents, other workers by their names, and one whose name is typed.
 * @param {import('../state/agents.js').Agents} agents
 */
function choices({ items, others, chosen }) {
  const names = [...others];
  const kept = chosen.startsWith(ANOTHER) ? chosen.slice(ANOTHER.length) : '';
  if (kept && !names.includes(kept)) names.push(kept);
  return [
    ...items.map(({ id, name }) => ({ id, name })),
    ...names.map((name) => ({ id: ANOTHER + name, name })),
    { id: ANOTHER, name: 'By its name…' },
  ];
}

/** @param {import('../state/agents.js').Agents} agents */
function hint(agents) {
  const { state, items, chosen, models, problem } = agents;
  if (isAnother(agents)) {
    const about = `${wish(agents).workerName || 'It'} runs outside of this system, with its own settings.`;
    return wishProblem(agents) || about;
  }
  if (problem) return [problem.what, problem.next].filter(Boolean).join(' ');
  if (state === 'loading') return 'Loading the list…';
  const agent = items.find(({ id }) => id === chosen);
  const about = agent?.model || agent?.description || '';
  const isScript = models.some((model) => model.handle === agent?.model && model.isScript);
  return isScript ? `${about}: ${SCRIPT}` : about;
}
