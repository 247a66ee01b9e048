/** The right column: tabs for the memory, one turn, one stage, the past calls. */

import { tell } from '../store.js';
import { arrowKeys, h, uniqueId } from './dom.js';
import { Part } from './part.js';

const VIEWS = /** @type {const} */ ([
  { view: 'memory', label: 'Memory', element: 'memory-blocks' },
  { view: 'turn', label: 'Turn', element: 'turn-details' },
  { view: 'stage', label: 'Stage', element: 'stage-details' },
  { view: 'calls', label: 'Calls', element: 'call-list' },
]);

export class DetailPanel extends Part {
  /** @type {{view: string, tab: HTMLButtonElement, panel: HTMLElement}[]} */
  #views = [];

  build() {
    this.#views = VIEWS.map(({ view, label, element }) => {
      const id = uniqueId(view);
      const tab = h(
        'button',
        { type: 'button', role: 'tab', id: `${id}-tab`, 'aria-controls': id },
        label,
      );
      tab.addEventListener('click', () => tell('view.selected', { view }));
      const content = document.createElement(element);
      const panel = h(
        'div',
        { role: 'tabpanel', id, 'aria-labelledby': `${id}-tab`, tabindex: 0 },
        content,
      );
      return { view, tab, panel };
    });
    const tabs = this.#views.map((view) => view.tab);
    const list = h('div', { role: 'tablist', 'aria-label': 'Details' }, ...tabs);
    arrowKeys(list, tabs);
    this.append(list, ...this.#views.map((view) => view.panel));
  }

  /** @param {import('./part.js').State} state */
  needs({ selection }) {
    return [selection.view];
  }

  /** @param {import('./part.js').State} state */
  render({ selection }) {
    for (const { view, tab, panel } of this.#views) {
      const selected = view === selection.view;
      tab.setAttribute('aria-selected', String(selected));
      tab.tabIndex = selected ? 0 : -1;
      panel.hidden = !selected;
    }
  }
}
