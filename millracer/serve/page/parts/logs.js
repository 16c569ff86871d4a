/** Transcripts of the stages: one at a time, tool calls folded, following the end while it runs. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { inWorkspace, withQuery } from "../lib/api.js";
import { plural, words } from "../lib/format.js";
import { useDocument } from "../lib/use-document.js";
import { stageState } from "./bars.js";
import { ErrorNotice, Loading } from "./notice.js";
import { Shape } from "./status.js";

const POLL = 2000;
const MOST = 400;
const FOLD_LENGTH = 160;

export function Logs({ stages, workspace, id, isLive }) {
  const [chosen, setChosen] = useState(null);
  const [follows, setFollows] = useState(true);
  const current = stages.find((stage) => stage.id === chosen) ?? stages.at(-1);
  if (!current) return html`<p class="soft">No stage has started yet.</p>`;
  const isRunning = isLive && current.end === null;
  const choose = (stage) => {
    setChosen(stage.id);
    setFollows(true);
  };
  return html`<div class="logs">
    <div class="tabs" role="group" aria-label="Stages">
      ${stages.map((stage) => html`<button type="button" key=${stage.id} class="tab" aria-pressed=${stage.id === current.id} onClick=${() => choose(stage)}>
        <${Shape} state=${stageState(stage, isLive)} />${words(stage.stage)}
      </button>`)}
    </div>
    <${Transcript} key=${current.id} stage=${current} ordinal=${ordinal(stages, current)} workspace=${workspace} id=${id} isRunning=${isRunning} follows=${follows} setFollows=${setFollows} />
  </div>`;
}

/** Which of the passes of a stage in its run this is, from 0. */
function ordinal(stages, current) {
  return stages.filter((stage) => stage.stage === current.stage && stage.run_id === current.run_id).indexOf(current);
}

function Transcript({ stage, ordinal, workspace, id, isRunning, follows, setFollows }) {
  const { document, error, isLoading, reload } = useDocument(withQuery(inWorkspace(workspace, "items", id, "logs"), { stage: stage.stage }));
  const box = useRef(null);
  const [showsAll, setShowsAll] = useState(false);
  useEffect(() => {
    if (!isRunning) {
      reload(0);
      return undefined;
    }
    const timer = setInterval(() => isVisible() && reload(0), POLL);
    return () => clearInterval(timer);
  }, [isRunning, reload]);
  const passes = document?.stages.filter((each) => each.stage.run_id === stage.run_id) ?? [];
  const log = passes[ordinal] ?? passes.at(-1);
  useEffect(() => {
    if (isRunning && follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log, isRunning, follows]);
  const scrolled = () => {
    const at = box.current;
    setFollows(at.scrollHeight - at.scrollTop - at.clientHeight < 24);
  };
  if (error && !document) return html`<${ErrorNotice} error=${error} retry=${reload} />`;
  if (!document && isLoading) return html`<${Loading} text="Loading the transcript" />`;
  if (!log) return html`<p class="soft log-empty">No transcript of this stage yet.</p>`;
  const hidden = showsAll ? 0 : Math.max(0, log.entries.length - MOST);
  return html`
    <div class="log" ref=${box} onScroll=${scrolled} tabindex="0" role="region" aria-label=${`Transcript of ${words(stage.stage)}`}>
      ${log.is_complete || isRunning || !log.entries.length ? null : html`<p class="soft">Only the last message of this stage was recorded.</p>`}
      ${hidden ? html`<button type="button" class="quiet" onClick=${() => setShowsAll(true)}>Show ${plural(hidden, "earlier entry", "earlier entries")}</button>` : null}
      ${log.entries.slice(hidden).map((entry, at) => html`<${Entry} key=${hidden + at} entry=${entry} />`)}
      ${log.entries.length ? null : html`<p class="soft">${isRunning ? "Nothing was written yet." : "No transcript was recorded."}</p>`}
    </div>
    ${isRunning ? html`<p class="log-foot soft">${follows ? "Follows the end." : html`<button type="button" class="quiet small" onClick=${() => setFollows(true)}>Follow the end again</button>`}</p>` : null}`;
}

const isVisible = () => !globalThis.document.hidden;

function Entry({ entry }) {
  if (entry.kind === "tool") {
    const [first, ...rest] = entry.text.split("\n");
    const isLong = rest.length > 0 || first.length > FOLD_LENGTH;
    const head = html`<span class="tool-name">${entry.tool}</span> <span class="tool-text">${first}</span>${entry.failed ? html` <span class="tone-bad tool-failed">failed</span>` : null}`;
    return isLong
      ? html`<details class="entry tool"><summary>${head}</summary><pre>${entry.text}</pre></details>`
      : html`<div class="entry tool flat">${head}</div>`;
  }
  return html`<div class="entry ${entry.kind}">${entry.kind === "error" ? html`<span class="tone-bad">Error</span> ` : null}<p>${entry.text}</p></div>`;
}
