/** One workspace: its daemon, what keeps its work from continuing, and its items. */
import { html, useEffect, useState } from "../lib/html.js";
import { getDocument, inWorkspace, withQuery } from "../lib/api.js";
import { findWorkspace, useBoard } from "../lib/board.js";
import { openDialog } from "../lib/dialogs.js";
import { integer, plural, sentence, words } from "../lib/format.js";
import { useDocument } from "../lib/use-document.js";
import { useLive } from "../lib/use-live.js";
import { useTitle } from "../lib/use-title.js";
import { FILTERS, daemonState } from "../lib/words.js";
import { NextSteps } from "../parts/copy.js";
import { DaemonLog } from "../parts/daemon-log.js";
import { Icon } from "../parts/icons.js";
import { ItemRow } from "../parts/item-row.js";
import { Empty, ErrorNotice, Loading, Notice, Warnings } from "../parts/notice.js";
import { Pill } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { WorkspaceHead } from "../parts/workspace-head.js";

const PAGE = 50;

export function Workspace({ route }) {
  const { key } = route;
  const { board, error: boardError } = useBoard();
  const workspace = findWorkspace(board, key);
  const [filter, setFilter] = useState("all");
  const status = useDocument(inWorkspace(key, "status"));
  const items = useItems(key, filter);
  useTitle(workspace?.name);
  useLive("/events", {
    onFrames(batch) {
      if (!batch.some(({ event_type: type, payload }) => type === "stream.opened" || (type === "workspace.changed" && (!workspace || payload.workspace === workspace.key)))) return;
      status.reload();
      items.reload();
    },
  });
  if (board && !workspace) return html`<${NotServed} />`;
  if (!board && boardError) return html`<${ErrorNotice} error=${boardError} />`;
  if (!workspace) return html`<${Loading} rows=${6} text="Loading the workspace" />`;
  const isReadOnly = board.read_only;
  return html`
    <${WorkspaceHead} workspace=${workspace} current="items" />
    ${workspace.error ? html`<${Notice} tone="bad" title=${workspace.error.message}><p>${workspace.error.suggested_action}</p><//>` : null}
    <div class="split">
      <div class="split-main">
        <${Items} workspace=${workspace} items=${items} filter=${filter} setFilter=${setFilter} isReadOnly=${isReadOnly} />
      </div>
      <aside class="split-aside" aria-label="Daemon">
        <${Daemon} workspace=${workspace} status=${status.document} isReadOnly=${isReadOnly} />
        ${status.error && !status.document ? html`<${ErrorNotice} error=${status.error} retry=${status.reload} />` : null}
        ${status.document ? html`<${Warnings} warnings=${status.document.warnings} /><${NextSteps} steps=${status.document.next_steps} />` : null}
      </aside>
    </div>
    ${workspace.is_initialized ? html`<${DaemonLog} workspace=${key} />` : null}`;
}

export function NotServed() {
  return html`<${Empty} title="This workspace is not served">
    <p>It was removed, or this server does not serve it. <a href="#/">See all workspaces</a>, or start the server with it:</p>
    <p><code>millracer serve --workspace path/to/workspace</code></p>
  <//>`;
}

function Daemon({ workspace, status, isReadOnly }) {
  const isPaused = status?.daemon?.paused ?? workspace.daemon.state === "paused";
  const runs = workspace.daemon.pid !== null && workspace.daemon.pid !== undefined;
  const control = (command) => openDialog({ name: "control", command, workspace: workspace.key });
  const depths = Object.entries(status?.queue_depths ?? {});
  return html`<section class="panel" aria-live="polite">
    <h2 class="panel-title">Daemon</h2>
    <p><${Pill} state=${daemonState(workspace.daemon.state)} /></p>
    <p class="soft">${daemonText(workspace, status, isPaused, runs)}</p>
    ${depths.length ? html`<dl class="pairs">${depths.map(([plane, count]) => html`<div key=${plane}><dt>${sentence(words(plane))}</dt><dd class="number">${integer(count)} queued</dd></div>`)}</dl>` : null}
    ${isReadOnly || !workspace.is_initialized
      ? null
      : html`<div class="actions">
          ${isPaused ? html`<button type="button" onClick=${() => control("resume")}><${Icon} name="play" />Resume</button>` : html`<button type="button" onClick=${() => control("pause")}><${Icon} name="pause" />Pause</button>`}
          ${runs ? html`<button type="button" onClick=${() => control("stop")}><${Icon} name="stop" />Stop…</button>` : html`<button type="button" onClick=${() => control("start")}><${Icon} name="play" />Start</button>`}
        </div>`}
  </section>`;
}

function daemonText(workspace, status, isPaused, runs) {
  if (!workspace.is_initialized) return "Millrace has not been used here yet. The first item initialises the workspace.";
  const daemon = status?.daemon;
  if (isPaused) return `Paused${daemon?.pause_sources ? ` by ${daemon.pause_sources}` : ""}: no new stage is started.`;
  if (daemon?.stop_requested) return "It finishes its stage and then stops.";
  if (workspace.daemon.state === "unseen") return "Its lock is there, but its process was not seen.";
  if (runs) return `Process ${workspace.daemon.pid}${daemon?.mode ? `, mode ${daemon.mode_alias ?? daemon.mode}` : ""}.`;
  if (workspace.counts.queued) return `${plural(workspace.counts.queued, "item waits", "items wait")}, and no daemon runs to work on ${workspace.counts.queued === 1 ? "it" : "them"}.`;
  return "None runs. The next item starts one.";
}

/** The items of a workspace by filter, page by page. */
function useItems(key, filter) {
  const states = FILTERS.find((each) => each.name === filter).states;
  const path = inWorkspace(key, "items");
  const first = useDocument(withQuery(path, { state: states, limit: PAGE }));
  const [more, setMore] = useState({ for: null, pages: [], isLoading: false });
  const owner = `${key}/${filter}`;
  useEffect(() => setMore({ for: owner, pages: [], isLoading: false }), [owner]);
  const pages = more.for === owner ? more.pages : [];
  const next = (pages.at(-1) ?? first.document)?.next ?? null;
  const seen = new Set();
  const items = [...(first.document?.items ?? []), ...pages.flatMap((page) => page.items)].filter(({ work_item_id: id }) => !seen.has(id) && seen.add(id));
  const loadMore = async () => {
    setMore((before) => ({ ...before, isLoading: true }));
    try {
      const page = await getDocument(withQuery(path, { state: states, limit: PAGE, before: next }));
      setMore((before) => (before.for === owner ? { for: owner, pages: [...before.pages, page], isLoading: false } : before));
    } catch {
      setMore((before) => ({ ...before, isLoading: false }));
    }
  };
  return { ...first, items, next, total: first.document?.total ?? null, loadMore, isLoadingMore: more.isLoading };
}

function Items({ workspace, items, filter, setFilter, isReadOnly }) {
  return html`<section aria-labelledby="items-title">
    <h2 id="items-title" class="hidden-text">Items</h2>
    <div class="tabs" role="group" aria-label="Show items">
      ${FILTERS.map(({ name, word }) => html`<button type="button" key=${name} class="tab" aria-pressed=${filter === name} onClick=${() => setFilter(name)}>${word}</button>`)}
      ${items.total === null ? null : html`<span class="soft number tabs-aside">${plural(items.total, "item")}</span>`}
    </div>
    ${items.error && !items.document ? html`<${ErrorNotice} error=${items.error} retry=${items.reload} />` : null}
    ${!items.document && items.isLoading ? html`<${Loading} rows=${6} text="Loading the items" />` : null}
    ${items.items.length
      ? html`<ul class="rows plain">${items.items.map((item) => html`<${ItemRow}
          key=${item.work_item_id}
          item=${item}
          workspace=${workspace.key}
          state=${item.state}
          detail=${detail(item)}
          time=${html`<${Ago} time=${item.written_at} />`}
        />`)}</ul>`
      : null}
    ${items.document && !items.items.length ? html`<${NoItems} filter=${filter} workspace=${workspace} isReadOnly=${isReadOnly} />` : null}
    ${items.next ? html`<p class="more"><button type="button" disabled=${items.isLoadingMore} onClick=${items.loadMore}>${items.isLoadingMore ? "Loading…" : `Show ${PAGE} more`}</button></p>` : null}
  </section>`;
}

function detail(item) {
  if (item.stage) return words(item.stage);
  if (item.runner === "here") return "run here";
  if (item.runner === "elsewhere") return "run elsewhere";
  return "";
}

function NoItems({ filter, workspace, isReadOnly }) {
  if (filter !== "all") return html`<${Empty} title=${`No item is ${FILTERS.find(({ name }) => name === filter).word.toLowerCase()}`} />`;
  return html`<${Empty}
    title="The queue is empty"
    actions=${isReadOnly ? null : html`<button type="button" class="primary" onClick=${() => openDialog({ name: "submit", workspace: workspace.key })}><${Icon} name="plus" />New item</button>`}
  >
    <p>${isReadOnly ? "Submit an item on the command line:" : "Submit an item here, or on the command line:"}</p>
    <p><code>millracer submit "Fix the failing tests"</code></p>
  <//>`;
}
