/** The attempts at an item: who wrote its log when, and how each ended. */
import { html } from "../lib/html.js";
import { duration, moment } from "../lib/format.js";
import { outcome } from "../lib/words.js";
import { Status } from "./status.js";
import { Since } from "./time.js";

const RUNNING = { word: "Running", tone: "run", shape: "running" };
const LOST = { word: "Lost: its process was killed", tone: "warn", shape: "unknown" };

export function attemptState(attempt) {
  if (attempt.isLost) return LOST;
  if (attempt.outcome === null) return RUNNING;
  return outcome(attempt.outcome);
}

export function Attempts({ attempts }) {
  return html`<ol class="attempts plain">
    ${attempts.map((attempt) => html`<li key=${attempt.number}>
      <span class="number attempt-number">${attempt.number}</span>
      <${Status} state=${attemptState(attempt)} />
      <span class="soft clip" title="Request id">${attempt.requestId}</span>
      <time class="soft number" datetime=${attempt.startedAt}>${moment(attempt.startedAt)}</time>
      <span class="number attempt-time">${attempt.endedAt ? duration((Date.parse(attempt.endedAt) - Date.parse(attempt.startedAt)) / 1000) : html`<${Since} time=${attempt.startedAt} />`}</span>
    </li>`)}
  </ol>`;
}
