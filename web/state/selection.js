/** What is selected for the details on the right, and the room that Connect will use. */

import { asText } from './read.js';
import { topicOf } from './stages.js';

/**
 * @typedef {object} Selection
 * @property {'stage'|'turn'|'memory'|'calls'} view
 * @property {import('../types.js').Stage} stage
 * @property {string|null} turn null for the latest one
 * @property {string} roomName
 * @property {boolean} roomProposed by the page, so that the page may propose another
 * @property {number} agentDialogs how many times the dialog for a new agent was asked for
 */

/** @type {Selection} */
export const initialSelection = {
  view: 'memory',
  stage: 'system',
  turn: null,
  roomName: '',
  roomProposed: true,
  agentDialogs: 0,
};

/**
 * @param {Selection} selection
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Selection}
 */
export function reduceSelection(selection, event) {
  const { data } = event;
  switch (topicOf(event)) {
    case 'token.requested':
      return { ...selection, turn: null };
    case 'view.selected':
      return { ...selection, view: /** @type {Selection['view']} */ (asText(data.view)) };
    case 'stage.selected':
      return {
        ...selection,
        view: 'stage',
        stage: /** @type {Selection['stage']} */ (asText(data.stage)),
      };
    case 'turn.selected':
      return { ...selection, view: 'turn', turn: asText(data.turn) || null };
    case 'agent-dialog.opened':
      return { ...selection, agentDialogs: selection.agentDialogs + 1 };
    case 'room.named':
      return {
        ...selection,
        roomName: asText(data.room),
        roomProposed: data.proposed === true,
      };
    default:
      return selection;
  }
}
