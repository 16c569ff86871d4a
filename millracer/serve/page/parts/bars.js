/** Stages as bars over time. The geometry is SVG attributes: the page has no inline styles. */
import { html, useState } from "../lib/html.js";
import { clock, duration, roundDuration, words } from "../lib/format.js";
import { timeScale } from "../lib/timeline.js";
import { useNow } from "../lib/use-now.js";
import { Shape } from "./status.js";

const MOST = 40;

const RUNNING = { word: "working", tone: "run", shape: "running" };
const LOST = { word: "cut off", tone: "warn", shape: "unknown" };
const FAILED = { tone: "bad", shape: "blocked" };
const PASSED = { tone: "ok", shape: "done" };

/** The state of a stage; one without an end on an item that ended was cut off. */
export function stageState(stage, isLive) {
  if (stage.failure_class) return { ...FAILED, word: stage.result ?? words(stage.failure_class) };
  if (stage.result) return { ...(/FAIL|BLOCK|FOUND|NEEDED/.test(stage.result) ? { tone: "warn", shape: "blocked" } : PASSED), word: stage.result };
  if (stage.end === null) return isLive ? RUNNING : LOST;
  return { ...LOST, word: "no result" };
}

/** Marks this close to the time at the start have no text, which would run into it. */
const CLOSE_PERCENT = 28;

function axisText(mark, start) {
  if (!mark.seconds) return clock(start);
  return mark.percent < CLOSE_PERCENT ? "" : roundDuration(mark.seconds);
}

export function Bars({ stages, isLive, members }) {
  const isRunning = isLive && stages.some((stage) => stage.end === null);
  const now = useNow(isRunning);
  const [showsAll, setShowsAll] = useState(false);
  if (!stages.length) return null;
  const shown = showsAll ? stages : stages.slice(-MOST);
  const scale = timeScale(shown.map((stage) => (isLive || stage.end !== null ? stage : { ...stage, end: stage.start })), now);
  const isGrouped = new Set(stages.map((stage) => stage.work_item_id)).size > 1;
  let group = null;
  return html`<div class="bars">
    ${shown.length < stages.length
      ? html`<button type="button" class="quiet" onClick=${() => setShowsAll(true)}>Show ${stages.length - shown.length} earlier stages</button>`
      : null}
    <div class="bars-axis" aria-hidden="true">
      <svg>${scale.marks.map((mark) => html`<g key=${mark.seconds}>
        <text x=${`${mark.percent}%`} dx=${mark.seconds ? 3 : 0} y="11">${axisText(mark, scale.start)}</text>
      </g>`)}</svg>
    </div>
    <ol class="plain">
      ${shown.map((stage) => {
        const state = stageState(stage, isLive);
        const end = stage.end ?? (isLive ? now : stage.start);
        const from = scale.place(stage.start);
        const width = Math.max(0.6, scale.place(end) - from);
        const heading = isGrouped && stage.work_item_id !== group ? stage.work_item_id : null;
        group = stage.work_item_id;
        return html`
          ${heading ? html`<li class="bars-group" key=${`group-${stage.id}`}>${members?.get(heading) ?? heading}</li>` : null}
          <li class="bar" key=${stage.id}>
            <span class="bar-name"><${Shape} state=${state} />${words(stage.stage)}</span>
            <svg class="bar-track tone-${state.tone}" aria-hidden="true">
              ${scale.marks.map((mark) => html`<line x1=${`${mark.percent}%`} x2=${`${mark.percent}%`} y1="0" y2="100%" class="grid" />`)}
              <rect x=${`${Math.min(from, 99.4)}%`} y="25%" width=${`${width}%`} height="50%" rx="3" class=${stage.end === null && isLive ? "fill live" : "fill"} />
            </svg>
            <span class="bar-result tone-${state.tone}" title=${state.word}>${state.word}</span>
            <span class="bar-time number">${stage.end === null && !isLive ? "–" : duration((end - stage.start) / 1000)}</span>
          </li>`;
      })}
    </ol>
  </div>`;
}
