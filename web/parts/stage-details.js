/** What is known of the selected stage: its verdict, the next step, the evidence. */

import { processVerdict } from '../state/health.js';
import { h, icon } from './dom.js';
import { eventList } from './event-list.js';
import { Part } from './part.js';

const GLYPHS = { ok: 'ok', waiting: 'waiting', failing: 'failing', 'not reached': 'open' };

export class StageDetails extends Part {
  /** @param {import('./part.js').State} state */
  needs({ verdicts, selection, health }) {
    return [verdicts[selection.stage], selection.stage, selection.stage === 'system' && health];
  }

  /** @param {import('./part.js').State} state */
  render({ verdicts, selection, health }) {
    const { stage } = selection;
    const verdict = verdicts[stage];
    this.replaceChildren(
      h(
        'div',
        { class: 'verdict', 'data-state': verdict.state },
        icon(GLYPHS[verdict.state]),
        h('h2', {}, stage),
        h('span', { class: 'verdict-state' }, verdict.state),
        h(
          'span',
          { class: 'verdict-time' },
          verdict.ms === null ? '' : `${Math.round(verdict.ms)} ms`,
        ),
      ),
      h('p', {}, verdict.sentence),
    );
    if (verdict.next) {
      this.append(h('p', { class: 'next-step' }, h('strong', {}, 'Next step'), ' ', verdict.next));
    }
    if (stage === 'system') this.append(processes(health));
    else this.append(h('h3', {}, 'Evidence'), eventList(verdict.evidence));
  }
}

/** @param {import('../state/health.js').Health} health */
function processes(health) {
  return h(
    'ul',
    { class: 'processes' },
    ...health.processes.map((each) => {
      const verdict = processVerdict(each);
      return h(
        'li',
        { 'data-verdict': verdict },
        icon(GLYPHS[verdict]),
        h('strong', {}, each.name),
        h('span', {}, each.state),
        h('p', {}, each.detail),
      );
    }),
  );
}
