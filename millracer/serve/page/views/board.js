/** The board: what runs, waits, is blocked and ended today, in every workspace. */
import { html, useState } from "../lib/html.js";
import { inWorkspace, send } from "../lib/api.js";
import { refreshBoard, useBoard } from "../lib/board.js";
import { openDialog } from "../lib/dialogs.js";
import { plural, words } from "../lib/format.js";
import { workspaceRoute } from "../lib/route.js";
import { useLive } from "../lib/use-live.js";
import { useTitle } from "../lib/use-title.js";
import { daemonState, itemState } from "../lib/words.js";
import { Command } from "../parts/copy.js";
import { Icon } from "../parts/icons.js";
import { ItemRow } from "../parts/item-row.js";
import { Empty, ErrorNotice, Loading } from "../parts/notice.js";
import { Shape, Status } from "../parts/status.js";
import { Ago, Since } from "../parts/time.js";

export function Board() {
  const { board, error } = useBoard();
  useLive("/events", {});
  useTitle(board ? summary(board.workspaces) : "Board");
  if (!board) return error ? html`<${ErrorNotice} error=${error} retry=${refreshBoard} />` : html`<${Loading} rows=${6} text="Loading the board" />`;
  const { workspaces, read_only: isReadOnly } = board;
  return html`
    <header class="page-head">
      <h1>Workspaces</h1>
      <${Totals} workspaces=${workspaces} />
      ${isReadOnly ? null : html`<div class="actions"><button type="button" onClick=${() => openDialog({ name: "add-workspace" })}><${Icon} name="plus" />Add workspace</button></div>`}
    </header>
    ${workspaces.length
      ? html`<div class="board">${[...workspaces].sort(byUrgency).map((workspace) => html`<${Card} key=${workspace.key} workspace=${workspace} isReadOnly=${isReadOnly} />`)}</div>`
      : html`<${Empty} title="No workspace yet" actions=${isReadOnly ? null : html`<button type="button" class="primary" onClick=${() => openDialog({ name: "add-workspace" })}>Add workspace</button>`}>
          <p>Add a project folder here, or start the server in one:</p>
          <${Command} command="millracer serve --workspace path/to/workspace" />
        <//>`}`;
}

function summary(workspaces) {
  const { active, blocked } = total(workspaces);
  return [active ? `${active} running` : null, blocked ? `${blocked} blocked` : null].filter(Boolean).join(", ") || "Board";
}

function total(workspaces) {
  const sum = (name) => workspaces.reduce((count, { counts }) => count + (counts?.[name] ?? 0), 0);
  return { active: sum("active"), queued: sum("queued"), blocked: sum("blocked"), ended: sum("ended_today") };
}

/** Workspaces with work first, then by name; the order does not change with each event. */
function byUrgency(a, b) {
  const rank = ({ counts, error }) => (error ? 1 : counts.active || counts.blocked ? 0 : counts.queued ? 1 : counts.ended_today ? 2 : 3);
  return rank(a) - rank(b) || a.name.localeCompare(b.name);
}

function Totals({ workspaces }) {
  const { active, queued, blocked, ended } = total(workspaces);
  const parts = [
    [itemState("active"), active, "running"],
    [itemState("queued"), queued, "waiting"],
    [itemState("blocked"), blocked, "blocked"],
    [itemState("done"), ended, "ended today"],
  ];
  return html`<ul class="totals plain" aria-label="All workspaces">
    ${parts.map(([state, count, word]) => html`<li key=${word} class=${count ? "" : "none"}><${Shape} state=${count ? state : { ...state, tone: "idle" }} /><b class="number">${count}</b> ${word}</li>`)}
  </ul>`;
}

function Card({ workspace, isReadOnly }) {
  const { key, name, path, daemon, counts, error } = workspace;
  return html`<article class="card" aria-labelledby=${`card-${key}`}>
    <header class="card-head">
      <div class="card-name">
        <h2 id=${`card-${key}`}><a href=${workspaceRoute(key)}>${name}</a></h2>
        <p class="path soft" title=${path}>${path}</p>
      </div>
      ${workspace.is_initialized && !error ? html`<${Status} state=${daemonState(daemon.state)} />` : null}
    </header>
    ${error ? html`<${CardError} error=${error} />` : html`<${CardBody} workspace=${workspace} counts=${counts} isReadOnly=${isReadOnly} />`}
  </article>`;
}

function CardError({ error }) {
  return html`<div class="card-note"><p><span class="tone-bad">${error.message}</span></p>${error.suggested_action ? html`<p class="soft">${error.suggested_action}</p>` : null}</div>`;
}

function CardBody({ workspace, counts, isReadOnly }) {
  const { key, running, blocked, waiting, ended, daemon } = workspace;
  const submit = () => openDialog({ name: "submit", workspace: key });
  if (!workspace.exists) return html`<${Gone} workspace=${workspace} isReadOnly=${isReadOnly} />`;
  if (!running.length && !blocked.length && !waiting.length && !ended.length) {
    return html`<div class="card-note soft">
      <p>${workspace.is_initialized ? "Nothing runs, nothing waits." : "Millrace has not been used here yet. The first item initialises it."}</p>
      ${isReadOnly ? null : html`<button type="button" class="quiet" onClick=${submit}><${Icon} name="plus" />New item</button>`}
    </div>`;
  }
  return html`<div class="card-body">
    ${daemon.state === "stopped" && counts.queued ? html`<p class="card-warning tone-warn"><${Shape} state=${{ tone: "warn", shape: "blocked" }} />${plural(counts.queued, "item waits", "items wait")}, and no daemon runs.</p>` : null}
    ${daemon.state === "unseen" ? html`<p class="card-warning tone-warn"><${Shape} state=${{ tone: "warn", shape: "unknown" }} />The daemon may be dead.</p>` : null}
    <${Group} name="Running" items=${running} count=${counts.active} row=${(item) => html`<${ItemRow} item=${item} workspace=${key} state="active" detail=${item.stage ? words(item.stage) : ""} time=${html`<${Since} time=${item.since} />`} />`} />
    <${Group} name="Blocked" items=${blocked} count=${counts.blocked} row=${(item) => html`<${ItemRow} item=${item} workspace=${key} state="blocked" note=${item.reason} time=${html`<${Ago} time=${item.written_at} />`} />`} />
    <${Group} name="Waiting" items=${waiting} count=${counts.queued} row=${(item) => html`<${ItemRow} item=${item} workspace=${key} state="queued" time=${html`<${Ago} time=${item.written_at} />`} />`} />
    <${Group} name="Ended today" items=${ended} count=${counts.ended_today} row=${(item) => html`<${ItemRow} item=${item} workspace=${key} state=${item.state} detail=${item.state === "done" ? "" : itemState(item.state).word} time=${html`<${Ago} time=${item.ended_at} />`} />`} />
  </div>`;
}

/** A workspace whose folder was removed: its registration can go too. */
function Gone({ workspace, isReadOnly }) {
  const [error, setError] = useState(null);
  const remove = async () => {
    try {
      await send("DELETE", inWorkspace(workspace.key));
      refreshBoard();
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<div class="card-note soft">
    <p>The folder does not exist any more.</p>
    ${error ? html`<${ErrorNotice} error=${error} />` : null}
    ${isReadOnly || !workspace.is_registered ? null : html`<button type="button" onClick=${remove}>Remove it from the list</button>`}
  </div>`;
}

function Group({ name, items, count, row }) {
  if (!items.length) return null;
  return html`<section class="group"><h3>${name}${count > items.length ? html` <span class="number">${items.length} of ${count}</span>` : null}</h3><ul class="plain">${items.map(row)}</ul></section>`;
}
