/** One item: its state and verdict, and everything known about how it got there. */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { inWorkspace, postDocument } from "../lib/api.js";
import { findWorkspace, useBoard } from "../lib/board.js";
import { openDialog } from "../lib/dialogs.js";
import { compact, cost, duration, integer, moment, plural, words } from "../lib/format.js";
import { applyFrames, changesItem, emptyStory, joinStages } from "../lib/frames.js";
import { useDocument } from "../lib/use-document.js";
import { useLive } from "../lib/use-live.js";
import { useTitle } from "../lib/use-title.js";
import { LIVE, itemState } from "../lib/words.js";
import { Attempts } from "../parts/attempts.js";
import { Bars } from "../parts/bars.js";
import { Changes, Counts } from "../parts/changes.js";
import { CopyButton, NextSteps } from "../parts/copy.js";
import { Events } from "../parts/events.js";
import { ErrorNotice, Loading, Notice } from "../parts/notice.js";
import { Logs } from "../parts/logs.js";
import { Section } from "../parts/section.js";
import { Pill } from "../parts/status.js";
import { Since } from "../parts/time.js";
import { Tree } from "../parts/tree.js";
import { Usage, usageOf } from "../parts/usage.js";
import { Verdict } from "../parts/verdict.js";
import { NotServed } from "./workspace.js";

const MEMBERS_WITH_KIND = (lineage) => new Map(lineage.map((member) => [member.work_item_id, `${member.kind} · ${member.work_item_id}`]));

export function Item({ route }) {
  const { key, id } = route;
  return html`<${ItemPage} key=${`${key}/${id}`} workspaceKey=${key} id=${id} />`;
}

function ItemPage({ workspaceKey: key, id }) {
  const { board } = useBoard();
  const workspace = findWorkspace(board, key);
  const path = inWorkspace(key, "items", id);
  const { document, error, reload } = useDocument(path);
  const [story, setStory] = useState(emptyStory);
  const [isEnded, setIsEnded] = useState(false);
  const [revision, setRevision] = useState(0);

  const onFrames = (batch) => {
    setStory((before) => applyFrames(before, batch));
    if (batch.some((frame) => frame.event_type === "result")) setIsEnded(true);
    const isElsewhere = (frame) => frame.event_type === "workspace.changed" && workspace && frame.payload.workspace && frame.payload.workspace !== workspace.key;
    if (changesItem(batch.filter((frame) => !isElsewhere(frame)))) reload();
    // After its end an item can run again, by a retry from elsewhere: its own stream then has more.
    if (isEnded && batch.some((frame) => frame.event_type === "workspace.changed" && !isElsewhere(frame))) setRevision((count) => count + 1);
  };
  useLive(isEnded ? "/events" : `${path}/events?with=workspace`, { onFrames });

  const item = document?.item ?? null;
  const state = item?.state ?? story.state;
  useEffect(() => {
    if (revision && isEnded && LIVE.has(item?.state)) setIsEnded(false);
  }, [item, revision]);

  const isLive = LIVE.has(state);
  const stages = useMemo(() => joinStages(item?.stages ?? [], story.stages), [item, story.stages]);
  useTitle(item ? `${itemState(state).word}: ${item.title}` : "Item");

  if (board && !workspace) return html`<${NotServed} />`;
  if (!item && error) return html`<${ErrorNotice} error=${error} retry=${reload} />`;
  if (!item) return html`<${Loading} rows=${8} text="Loading the item" />`;

  const isReadOnly = board?.read_only ?? true;
  const attempt = story.attempts.at(-1) ?? null;
  const usage = usageOf(stages);
  const running = isLive ? stages.findLast((stage) => stage.end === null) : null;
  return html`
    <${Head} workspace=${workspace ?? { key }} item=${item} state=${state} story=${story} attempt=${attempt} running=${running} isReadOnly=${isReadOnly} reload=${reload} />
    <div class="split">
      <div class="split-main">
        <${Notices} story=${story} item=${item} state=${state} attempt=${attempt} workspace=${workspace} isReadOnly=${isReadOnly} error=${error} reload=${reload} />
        <${Verdict} item=${item} state=${state} attempt=${attempt} running=${running} step=${isLive ? (story.waiting ?? story.step?.text) : null} />
        <${Section} id="stages" title="Stages" shortcut="t" aside=${stages.length ? plural(stages.length, "stage") : null}>
          ${stages.length ? html`<${Bars} stages=${stages} isLive=${isLive} members=${MEMBERS_WITH_KIND(item.lineage)} />` : html`<p class="soft">${isLive ? "No stage has started yet." : "No stage ran."}</p>`}
        <//>
        ${item.lineage.length > 1 ? html`<${Section} id="lineage" title="Lineage" aside=${plural(item.lineage.length, "item")}><${Tree} lineage=${item.lineage} workspace=${key} /><//>` : null}
        <${Section} id="changes" title="Changes" shortcut="d" aside=${item.changes.files.length ? html`${plural(item.changes.files.length, "file")} <${Counts} added=${item.changes.added} removed=${item.changes.removed} />` : null}>
          <${Changes} changes=${item.changes} workspace=${key} id=${id} revision=${`${item.changes.added}/${item.changes.removed}/${item.changes.between?.end}`} />
        <//>
        ${stages.length ? html`<${Section} id="usage" title="Usage"><${Usage} stages=${stages} /><//>` : null}
        <${Section} id="logs" title="Logs" shortcut="l"><${Logs} stages=${stages} workspace=${key} id=${id} isLive=${isLive} /><//>
        ${story.attempts.length ? html`<${Section} id="attempts" title="Attempts" aside=${plural(story.attempts.length, "attempt")}><${Attempts} attempts=${story.attempts} /><//>` : null}
        <${Section} id="events" title="Events" shortcut="e" aside=${html`<span data-testid="event-count" class="number">${integer(story.frames.length)}</span> stored`}>
          ${story.frames.length ? html`<${Events} frames=${story.frames} />` : html`<p class="soft">${story.isDurable ? "No event is stored yet." : "This item has no event log: no run of Millracer has watched it."}</p>`}
        <//>
      </div>
      <aside class="split-aside" aria-label="About this item">
        ${item.task && item.task !== item.title ? html`<${Request} text=${item.task} />` : null}
        ${document.next_steps.length ? html`<section class="panel next-steps"><h2 class="panel-title">Next steps</h2><${NextSteps} steps=${document.next_steps} /></section>` : null}
        <section class="panel">
          <h2 class="panel-title">Details</h2>
          <dl class="pairs">
            <div><dt>Kind</dt><dd>${item.intake_kind ?? item.work_kind ?? "–"}</dd></div>
            <div><dt>In Millrace</dt><dd>${itemState(state).word}</dd></div>
            ${attempt ? html`<div><dt>Attempts</dt><dd class="number">${attempt.number}</dd></div>` : null}
            ${stages.length ? html`<div><dt>First stage</dt><dd class="number">${moment(stages[0].started_at)}</dd></div>` : null}
            ${usage.seconds === null ? null : html`<div><dt>Time in stages</dt><dd class="number">${duration(usage.seconds)}</dd></div>`}
            ${usage.tokens ? html`<div><dt>Tokens</dt><dd class="number">${compact(usage.tokens.total)}</dd></div>` : null}
            ${usage.cost === null ? null : html`<div><dt>Cost</dt><dd class="number">${usage.isPartial ? "≥ " : ""}${cost(usage.cost)}</dd></div>`}
            ${item.changes.files.length ? html`<div><dt>Changes</dt><dd><${Counts} added=${item.changes.added} removed=${item.changes.removed} /></dd></div>` : null}
            ${document.millrace_version ? html`<div><dt>Millrace</dt><dd class="number">${document.millrace_version}</dd></div>` : null}
          </dl>
          <p class="id-line"><code class="soft">${item.work_item_id}</code><${CopyButton} text=${item.work_item_id} label="Copy the id" /></p>
        </section>
      </aside>
    </div>`;
}

function Head({ workspace, item, state, attempt, running, isReadOnly }) {
  const control = (command) => openDialog({ name: "control", command, workspace: workspace.key, item: item.work_item_id, title: item.title, isActive: state === "active" });
  const isLive = LIVE.has(state);
  const look = itemState(state);
  return html`<header class="page-head item-head">
    <div>
      <p class="item-status" aria-live="polite">
        <${Pill} state=${item.scoped_completion ? { ...look, word: "Completed" } : look} />
        ${running ? html`<span class="soft">${words(running.stage)} works · <${Since} time=${running.started_at} /></span>` : null}
        ${attempt && attempt.number > 1 ? html`<span class="soft">attempt ${attempt.number}</span>` : null}
      </p>
      <h1>${item.title}</h1>
    </div>
    ${isReadOnly
      ? null
      : html`<div class="actions">
          ${state === "blocked" ? html`<button type="button" class="primary" onClick=${() => control("retry")}>Retry…</button>` : null}
          ${isLive || state === "blocked" ? html`<button type="button" onClick=${() => control("cancel")}>Cancel…</button>` : null}
        </div>`}
  </header>`;
}

function Request({ text }) {
  const [isWhole, setIsWhole] = useState(false);
  const isLong = text.length > 420 || text.split("\n").length > 10;
  return html`<section class="panel">
    <h2 class="panel-title">Request</h2>
    <p class=${`request${isLong && !isWhole ? " clamped" : ""}`}>${text}</p>
    ${isLong ? html`<button type="button" class="quiet small" onClick=${() => setIsWhole(!isWhole)}>${isWhole ? "Show less" : "Show all"}</button>` : null}
  </section>`;
}

const RESETS = {
  unknown_cursor: "The log does not have the last position any more.",
  pruned: "The log was removed and begun again.",
  rotated: "A new log was begun.",
  damaged: "The log was damaged and begun again.",
};

/** What is unusual at the moment, each with its next step. */
function Notices({ story, item, state, attempt, workspace, isReadOnly, error, reload }) {
  const lost = story.attempts.filter((each) => each.isLost);
  const isWatched = attempt !== null && attempt.endedAt === null;
  const daemon = workspace?.daemon.state;
  const waits = LIVE.has(state) && state !== "active";
  return html`
    ${error ? html`<${ErrorNotice} error=${error} retry=${reload} />` : null}
    ${story.resetReason ? html`<${Notice} title="The events are shown anew"><p>${RESETS[story.resetReason] ?? "The stream began again."} The state and the verdict come from Millrace and are not affected.</p><//>` : null}
    ${lost.length && LIVE.has(state)
      ? html`<${Notice} tone="warn" shape="unknown" title=${`Attempt ${lost.at(-1).number} was lost: its process was killed`}>
          <p>${attempt !== lost.at(-1) ? `Attempt ${attempt.number} took over; no event is missing.` : "Millrace keeps the item. Run it here to continue."}</p>
        <//>`
      : null}
    ${LIVE.has(state) && !isWatched && (attempt !== null || waits) && daemon !== "paused"
      ? html`<${RunHere} workspace=${workspace} id=${item.work_item_id} isReadOnly=${isReadOnly} daemon=${daemon} />`
      : null}
    ${waits && daemon === "paused"
      ? html`<${Notice} tone="warn" shape="paused" title="The workspace is paused" actions=${isReadOnly ? null : html`<button type="button" onClick=${() => openDialog({ name: "control", command: "resume", workspace: workspace.key })}>Resume</button>`}>
          <p>No new stage is started until it is resumed.</p>
        <//>`
      : null}`;
}

function RunHere({ workspace, id, isReadOnly, daemon }) {
  const [state, setState] = useState({ isBusy: false, error: null });
  const run = async () => {
    setState({ isBusy: true, error: null });
    try {
      await postDocument(inWorkspace(workspace.key, "items", id, "watch"));
      setState({ isBusy: false, error: null });
    } catch (error) {
      setState({ isBusy: false, error });
    }
  };
  if (state.error) return html`<${ErrorNotice} error=${state.error} retry=${run} />`;
  const runs = daemon === "running";
  return html`<${Notice}
    tone=${runs ? "idle" : "warn"}
    title=${runs ? "No run of Millracer watches this item" : "It waits, and no daemon runs to work on it"}
    actions=${isReadOnly ? null : html`<button type="button" class="primary" disabled=${state.isBusy} onClick=${run}>${state.isBusy ? "Starting…" : "Run it here"}</button>`}
  ><p>${runs ? "The daemon works on it. A watch also follows its evidence to the end." : "This server can start the daemon and watch the item to its end."}</p><//>`;
}
