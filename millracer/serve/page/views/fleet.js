/** The fleet: its hosts, workspaces and queue, with the reason of each waiting item; or one item. */
import { html, useEffect } from "../lib/html.js";
import { inFleet } from "../lib/api.js";
import { useBoard } from "../lib/board.js";
import { openDialog } from "../lib/dialogs.js";
import { plural, words } from "../lib/format.js";
import { fleetItemRoute, fleetRoute } from "../lib/route.js";
import { useDocument } from "../lib/use-document.js";
import { useLive } from "../lib/use-live.js";
import { useTitle } from "../lib/use-title.js";
import { fleetItemState, hostState } from "../lib/words.js";
import { Command, NextSteps } from "../parts/copy.js";
import { Empty, ErrorNotice, Loading, Notice, Warnings } from "../parts/notice.js";
import { Section } from "../parts/section.js";
import { Pill, Shape, Status } from "../parts/status.js";
import { Ago, Since } from "../parts/time.js";

/** The database sends no events, so the page reads it again. */
const POLL = 3000;

export function Fleet({ route }) {
  const { board } = useBoard();
  useLive("/events", {});
  if (board && !board.has_fleet) {
    return html`<${Empty} title="No fleet is configured here"><p>Make one on this machine, or join one, then start the server again:</p><${Command} command="millracer fleet up --local" /><//>`;
  }
  return route.id ? html`<${FleetItem} id=${route.id} isReadOnly=${board?.read_only ?? true} />` : html`<${Overview} isReadOnly=${board?.read_only ?? true} />`;
}

function usePolled(path) {
  const loaded = useDocument(path);
  const { reload } = loaded;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) reload(0);
    }, POLL);
    return () => clearInterval(timer);
  }, [path]);
  return loaded;
}

function Overview({ isReadOnly }) {
  const { document, error, reload } = usePolled(inFleet());
  const running = document?.items.filter(({ state }) => state === "running").length ?? 0;
  useTitle(document ? `Fleet: ${running} running` : "Fleet");
  if (!document) return error ? html`<${ErrorNotice} error=${error} retry=${reload} />` : html`<${Loading} rows=${8} text="Loading the fleet" />`;
  const { hosts, workspaces, items, total, ended } = document;
  return html`
    <header class="page-head">
      <h1>Fleet</h1>
      <ul class="totals plain" aria-label="The whole fleet">
        <li class=${running ? "" : "none"}><${Shape} state=${fleetItemState({ state: "running" })} /><b class="number">${running}</b> running</li>
        <li class=${total - running ? "" : "none"}><${Shape} state=${fleetItemState({ state: "queued" })} /><b class="number">${total - running}</b> waiting</li>
      </ul>
    </header>
    ${error ? html`<${ErrorNotice} error=${error} retry=${reload} />` : null}
    <${Section} id="queue" title="Queue" aside=${`${items.length < total ? `the first ${items.length} of ${total}, ` : ""}running first, then by priority and submission`}>${items.length ? html`<${Items} items=${items} label="Items that have not ended" />` : html`<p class="soft">Nothing runs, nothing waits. <code>millracer fleet submit WORKSPACE "task"</code> adds an item.</p>`}<//>
    <${Section} id="hosts" title="Hosts">${hosts.length ? html`<${Hosts} hosts=${hosts} />` : html`<p class="soft">No host yet. <code>millracer fleet worker</code> adds its own.</p>`}<//>
    <${Section} id="workspaces" title="Workspaces">${workspaces.length ? html`<${Workspaces} workspaces=${workspaces} isReadOnly=${isReadOnly} />` : html`<p class="soft">No workspace yet. <code>millracer fleet worker --workspace ID=PATH</code> adds one.</p>`}<//>
    ${ended.length ? html`<${Section} id="ended" title="Ended last"><${Items} items=${ended} label="Items that ended last" /><//>` : null}`;
}

function Items({ items, label }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="table">
    <thead><tr><th scope="col">Item</th><th scope="col">Workspace</th><th scope="col">Host</th><th scope="col">State</th><th scope="col">Priority</th><th scope="col">Attempts</th><th scope="col">Since</th><th scope="col">Why</th></tr></thead>
    <tbody>${items.map((item) => html`<tr key=${item.work_item_id}>
      <th scope="row"><a href=${fleetItemRoute(item.work_item_id)}>${item.work_item_id}</a></th>
      <td>${item.workspace_id ?? `label ${item.label}`}</td>
      <td>${item.host ?? "–"}</td>
      <td><${ItemStatus} item=${item} /></td>
      <td class="number">${item.priority}</td>
      <td class="number">${item.attempts}</td>
      <td><${When} item=${item} /></td>
      <td class="soft">${item.why || (item.state === "running" && item.progress?.message) || ""}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

function ItemStatus({ item }) {
  const state = fleetItemState(item);
  const stage = item.state === "running" && item.progress?.stage ? `: ${words(item.progress.stage)}` : "";
  return html`<${Status} state=${state}>${state.word}${stage}<//>`;
}

function When({ item }) {
  if (item.state === "running") return html`<${Since} time=${item.claimed_at ?? item.submitted_at} />`;
  return html`<${Ago} time=${item.ended_at ?? item.submitted_at} />`;
}

function Hosts({ hosts }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="All hosts"><table class="table">
    <thead><tr><th scope="col">Host</th><th scope="col">State</th><th scope="col">Seen</th><th scope="col">Slots</th><th scope="col">Waiting</th><th scope="col">Version</th><th scope="col">Runs</th><th scope="col">Note</th></tr></thead>
    <tbody>${hosts.map((host) => html`<tr key=${host.host}>
      <th scope="row">${host.host}</th>
      <td><${Status} state=${hostState(host.seen_at === null ? "never" : host.away ? "away" : host.draining ? "drains" : "here")} /></td>
      <td><${Ago} time=${host.seen_at} /></td>
      <td class="number">${host.running.length}/${host.slots}</td>
      <td class="number">${host.queued}</td>
      <td>${host.version}</td>
      <td>${host.running.map((id) => html`<a key=${id} href=${fleetItemRoute(id)}>${id}</a> `)}</td>
      <td class="soft">${host.note}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

function Workspaces({ workspaces, isReadOnly }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="All workspaces"><table class="table">
    <thead><tr><th scope="col">Workspace</th><th scope="col">Host</th><th scope="col">Runs</th><th scope="col">Waiting</th><th scope="col">Labels</th><th scope="col">Path</th><th scope="col">Pause</th></tr></thead>
    <tbody>${workspaces.map((workspace) => html`<tr key=${workspace.workspace_id}>
      <th scope="row">${workspace.workspace_id}</th>
      <td>${workspace.host}</td>
      <td>${workspace.running ? html`<a href=${fleetItemRoute(workspace.running)}>${workspace.running}</a>` : html`<span class="soft">free</span>`}</td>
      <td class="number">${workspace.queued}</td>
      <td>${workspace.labels.join(", ")}</td>
      <td class="soft"><code>${workspace.root}</code></td>
      <td><${Pause} workspace=${workspace} isReadOnly=${isReadOnly} /></td>
    </tr>`)}</tbody>
  </table></div>`;
}

function Pause({ workspace, isReadOnly }) {
  const { workspace_id: id, paused, note } = workspace;
  const command = paused ? "resume" : "pause";
  const open = () => openDialog({ name: "control", command, path: inFleet("workspaces", id, command), title: id });
  return html`${paused ? html`<${Status} state=${{ tone: "warn", shape: "paused" }}>Paused${note ? `: ${note}` : ""}<//> ` : null}
    ${isReadOnly ? null : html`<button type="button" class="quiet" aria-label=${`${paused ? "Resume" : "Pause"} ${id}`} onClick=${open}>${paused ? "Resume" : "Pause"}</button>`}`;
}

function FleetItem({ id, isReadOnly }) {
  const { document, error, reload } = usePolled(inFleet("items", id));
  useTitle(document?.item ? `${document.item.work_item_id} in the fleet` : "Fleet");
  if (!document) {
    return error
      ? html`<${ErrorNotice} error=${error} retry=${reload} /><p><a href=${fleetRoute()}>See the whole fleet</a></p>`
      : html`<${Loading} rows=${6} text="Loading the item" />`;
  }
  const { item } = document;
  const isOpen = item.state !== "ended";
  const ask = (command) => openDialog({ name: "control", command, path: inFleet("items", item.work_item_id, command), title: item.work_item_id });
  return html`
    <header class="page-head">
      <div><h1>${item.work_item_id}</h1><p><${Pill} state=${fleetItemState(item)} /></p></div>
      ${isReadOnly || !isOpen ? null : html`<div class="actions">
        ${item.state === "set_aside" ? html`<button type="button" class="primary" onClick=${() => ask("retry")}>Dispatch it again</button>` : null}
        <button type="button" onClick=${() => ask("cancel")}>Cancel</button>
      </div>`}
    </header>
    ${error ? html`<${ErrorNotice} error=${error} retry=${reload} />` : null}
    <${Warnings} warnings=${document.warnings} />
    ${item.why ? html`<${Notice} tone=${item.state === "set_aside" ? "bad" : "idle"} shape="waiting" title=${item.why} />` : null}
    ${isOpen ? null : html`<${Verdict} item=${item} result=${document.result} />`}
    <${Section} id="task" title="Task"><pre class="request">${document.request?.input?.text ?? ""}</pre><//>
    <${Section} id="attempts" title="Attempts"><${Facts} item=${item} /><//>
    <${Section} id="refused" title="Refused results" aside="delivered under a lease that was not in force any more">${document.refused.length ? html`<${Refused} refused=${document.refused} />` : html`<p class="soft">None.</p>`}<//>
    <${Section} id="next" title="On the command line"><${NextSteps} steps=${document.next_steps} /><//>`;
}

function Verdict({ item, result }) {
  const missing = result?.completion?.missing_evidence ?? [];
  const errors = result?.errors ?? [];
  return item.completed
    ? html`<${Notice} tone="ok" title="Completed: Millrace's evidence proves it"><p>Its result has ${plural(result?.completion?.evidence_summary?.length ?? 0, "proof")} and the lease under which it ended.</p><//>`
    : html`<${Notice} tone="warn" title=${`Ended as ${words(item.outcome)}; nothing proves it done`}>${errors.map((each) => html`<p key=${each.message}>${each.message}${each.suggested_action ? html`. <span class="soft">On its host: ${each.suggested_action}</span>` : null}</p>`)}${missing.length ? html`<ul>${missing.map((text) => html`<li key=${text}>${text}</li>`)}</ul>` : null}<//>`;
}

function Facts({ item }) {
  const rows = [
    ["Workspace", item.workspace_id ?? `the first free one with the label ${item.label}`],
    ["Host", item.host ? html`${item.host}${item.host_away ? ", away" : ""}, seen <${Ago} time=${item.host_seen_at} />` : "not chosen yet"],
    ["Submitted", html`<${Ago} time=${item.submitted_at} /> by ${item.submitted_by}`],
    ["Priority", item.priority],
    ["Attempts", `${item.attempts}, dispatch ${item.dispatch}${item.epoch === null ? "" : `, epoch ${item.epoch}`}`],
    ["Taken", item.claimed_at ? html`<${Ago} time=${item.claimed_at} />` : "not yet"],
    ["Progress", item.progress ? html`${words(item.progress.stage)} ${item.progress.message} <span class="soft"><${Ago} time=${item.progress.at} /></span>` : "none yet"],
    ["Ended", item.ended_at ? html`<${Ago} time=${item.ended_at} />` : "not yet"],
  ];
  return html`<table class="table"><tbody>${rows.map(([name, value]) => html`<tr key=${name}><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody></table>`;
}

function Refused({ refused }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="All refused results"><table class="table">
    <thead><tr><th scope="col">Refused</th><th scope="col">Epoch</th><th scope="col">Outcome</th><th scope="col">Why</th></tr></thead>
    <tbody>${refused.map((each) => html`<tr key=${`${each.at} ${each.epoch}`}>
      <th scope="row"><${Ago} time=${each.at} /></th><td class="number">${each.epoch}</td><td>${words(each.result?.completion?.outcome ?? "")}</td><td>${each.why}</td>
    </tr>`)}</tbody>
  </table></div>`;
}
