/** The bar on top: where this is, whether the page is live, and what can be done anywhere. */
import { html } from "../lib/html.js";
import { findWorkspace } from "../lib/board.js";
import { connection } from "../lib/connection.js";
import { openDialog } from "../lib/dialogs.js";
import { clock } from "../lib/format.js";
import { boardRoute, fleetRoute, workspaceRoute } from "../lib/route.js";
import { useStore } from "../lib/store.js";
import { retryNow } from "../lib/stream.js";
import { useNow } from "../lib/use-now.js";
import { Icon } from "./icons.js";

export function TopBar({ route, board }) {
  const workspace = route.key ? findWorkspace(board, route.key) : null;
  return html`<header class="top">
    <nav class="crumbs" aria-label="Position">
      <a href=${boardRoute()} class="brand"><${Icon} name="logo" /><span>Millracer</span></a>
      ${route.key ? html`<${Icon} name="chevron" /><a href=${workspaceRoute(route.key)} class="clip">${workspace?.name ?? route.key}</a>` : null}
      ${route.view === "fleet" ? html`<${Icon} name="chevron" /><a href=${fleetRoute()} class="clip">Fleet</a>` : null}
    </nav>
    ${board?.has_fleet && route.view !== "fleet" ? html`<a href=${fleetRoute()} class="top-link">Fleet</a>` : null}
    <${Connection} isReadOnly=${board?.read_only ?? false} />
    ${board && !board.read_only ? html`<button type="button" class="primary top-new" onClick=${() => openDialog({ name: "submit", workspace: route.key })}><${Icon} name="plus" /><span class="wide-only">New item</span><span class="narrow-only hidden-text">New item</span></button>` : null}
    <button type="button" class="quiet" aria-label="Help" onClick=${() => openDialog({ name: "help" })}><${Icon} name="help" /></button>
  </header>`;
}

const WORDS = { connecting: "Connecting", live: "Live", idle: "Paused while hidden", reconnecting: "Reconnecting", offline: "Offline" };

function Connection({ isReadOnly }) {
  const { phase } = useStore(connection);
  return html`<span class="connection phase-${phase}" role="status" data-testid="connection">
    <svg viewBox="0 0 8 8" aria-hidden="true"><circle cx="4" cy="4" r=${phase === "live" ? 4 : 3} /></svg>${WORDS[phase] ?? ""}${isReadOnly ? html`<span class="read-only">Read-only</span>` : null}
  </span>`;
}

/** Shown while the server does not answer: since when, and when the next try is. */
export function Offline() {
  const { phase, lastSeen, retryAt } = useStore(connection);
  const isShown = phase === "offline";
  const now = useNow(isShown, 500);
  if (!isShown) return null;
  const seconds = Math.max(0, Math.ceil(((retryAt ?? now) - now) / 1000));
  return html`<div class="offline" role="alert">
    <p><b>The server does not answer.</b> ${lastSeen ? html`This page shows the state of <span class="number">${clock(lastSeen)}</span>.` : null} <span class="soft number">${seconds ? `Next try in ${seconds}s.` : "Trying…"}</span> Start it again with <code>millracer serve</code>.</p>
    <button type="button" onClick=${retryNow}>Try now</button>
  </div>`;
}
