/** Chooses the Letta agent to talk to and its model; opens the dialog for a new one. */

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
  #hint = h('p', { class: 'hint', id: `${this.#id}-hint` });

  build() {
    const refresh = h('button', { type: 'button', class: 'quiet', title: 'Refresh the list' });
    refresh.append(icon('refresh'), h('span', { class: 'hidden' }, 'Refresh the list'));
    refresh.addEventListener('click', () => void loadAgents());
    const create = h('button', { type: 'button', class: 'quiet' }, icon('plus'), 'New…');
    create.addEventListener('click', () => tell('agent-dialog.opened'));
    this.#select.addEventListener('change', () => chooseAgent(this.#select.value));
    this.#model.addEventListener('change', () => {
      void chooseModel(this.#select.value, this.#model.value);
    });
    this.#modelRow.append(h('label', { for: this.#model.id }, 'thinks with'), this.#model);
    this.append(
      h(
        'div',
        { class: 'field-head' },
        h('label', { for: this.#id }, 'Letta agent'),
        refresh,
        create,
      ),
      this.#select,
      this.#modelRow,
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
    const listed = agents.items.map((agent) => `${agent.id} ${agent.name}`).join('\n');
    if (shown !== listed) {
      select.replaceChildren(
        ...agents.items.map((agent) => h('option', { value: agent.id }, agent.name)),
      );
    }
    select.value = agents.chosen;
    select.disabled = agents.items.length === 0 || call.phase !== 'idle';
    this.#renderModel(agents, call.phase === 'idle');
    setText(this.#hint, hint(agents));
    this.#hint.dataset.tone = agents.state === 'failed' ? 'bad' : 'calm';
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

/** @param {import('../state/agents.js').Agents} agents */
function hint({ state, items, chosen, models, problem }) {
  if (problem) return [problem.what, problem.next].filter(Boolean).join(' ');
  if (state === 'loading') return 'Loading the list…';
  const agent = items.find(({ id }) => id === chosen);
  const about = agent?.model || agent?.description || '';
  const isScript = models.some((model) => model.handle === agent?.model && model.isScript);
  return isScript ? `${about}: ${SCRIPT}` : about;
}
