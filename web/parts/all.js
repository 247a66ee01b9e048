/** Defines every element of the page. */

import { AgentPicker } from './agent-picker.js';
import { CallButtons, MicrophoneProblem } from './call-buttons.js';
import { CallList } from './call-list.js';
import { ConversationLog } from './conversation-log.js';
import { DebugConsole } from './debug-console.js';
import { DetailPanel } from './detail-panel.js';
import { LevelMeters } from './level-meters.js';
import { ListeningForm } from './listening-form.js';
import { BlockDialog } from './block-dialog.js';
import { MemoryBlocks } from './memory-blocks.js';
import { MessageBox } from './message-box.js';
import { NewAgentDialog } from './new-agent-dialog.js';
import { PastCall } from './past-call.js';
import { ProcessHealth } from './process-health.js';
import { RoomName } from './room-name.js';
import { StageDetails } from './stage-details.js';
import { StageStrip } from './stage-strip.js';
import { StatusLine, VoiceApp } from './status-line.js';
import { TimeBar } from './time-bar.js';
import { TurnDetails } from './turn-details.js';
import { TurnWork } from './turn-work.js';

// Inner parts first, so that an outer one finds them defined.
customElements.define('agent-picker', AgentPicker);
customElements.define('call-buttons', CallButtons);
customElements.define('call-list', CallList);
customElements.define('time-bar', TimeBar);
customElements.define('turn-work', TurnWork);
customElements.define('conversation-log', ConversationLog);
customElements.define('debug-console', DebugConsole);
customElements.define('level-meters', LevelMeters);
customElements.define('listening-form', ListeningForm);
customElements.define('block-dialog', BlockDialog);
customElements.define('memory-blocks', MemoryBlocks);
customElements.define('message-box', MessageBox);
customElements.define('microphone-problem', MicrophoneProblem);
customElements.define('new-agent-dialog', NewAgentDialog);
customElements.define('past-call', PastCall);
customElements.define('process-health', ProcessHealth);
customElements.define('room-name', RoomName);
customElements.define('stage-details', StageDetails);
customElements.define('stage-strip', StageStrip);
customElements.define('status-line', StatusLine);
customElements.define('turn-details', TurnDetails);
customElements.define('detail-panel', DetailPanel);
customElements.define('voice-app', VoiceApp);
