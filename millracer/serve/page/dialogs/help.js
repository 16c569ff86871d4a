/** Keys, and what the shapes mean. */
import { html } from "../lib/html.js";
import { daemonState, itemState } from "../lib/words.js";
import { Dialog } from "../parts/dialog.js";
import { Status } from "../parts/status.js";

const KEYS = [
  ["j", "Next item"],
  ["k", "Previous item"],
  ["Enter", "Open the item"],
  ["n", "New item"],
  ["t", "Stages over time"],
  ["d", "Changes"],
  ["l", "Logs"],
  ["e", "Events"],
  ["Esc", "Close a dialog, or go up one page"],
  ["?", "This help"],
];

export function HelpDialog({ version }) {
  return html`<${Dialog} title="Help">
    <div class="stack">
      <dl class="keys">${KEYS.map(([key, text]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl>
      <h3>States</h3>
      <dl class="legend">
        ${["active", "queued", "done", "blocked", "cancelled"].map((name) => html`<div key=${name}><dt><${Status} state=${itemState(name)} /></dt><dd class="soft">${itemState(name).text}</dd></div>`)}
        <div><dt><${Status} state=${daemonState("paused")} /></dt><dd class="soft">No new stage is started in the workspace.</dd></div>
      </dl>
      <p class="soft">“Done” is Millrace's list. “Completed” is shown only with proof in Millrace's evidence.</p>
      ${version ? html`<p class="soft">Millracer ${version}</p>` : null}
    </div>
  <//>`;
}
