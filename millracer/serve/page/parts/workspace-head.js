/** Head of the pages of a workspace: name, path, tabs. */
import { html } from "../lib/html.js";
import { openDialog } from "../lib/dialogs.js";
import { doctorRoute, modelsRoute, workspaceRoute } from "../lib/route.js";
import { Icon } from "./icons.js";

const TABS = [
  ["items", "Items", workspaceRoute],
  ["models", "Models", modelsRoute],
  ["doctor", "Doctor", doctorRoute],
];

export function WorkspaceHead({ workspace, current, isReadOnly }) {
  return html`<header class="page-head">
    <div>
      <h1>${workspace.name}</h1>
      <p class="path soft">${workspace.path}</p>
    </div>
    ${isReadOnly ? null : html`<div class="actions"><button type="button" class="primary" onClick=${() => openDialog({ name: "submit", workspace: workspace.key })}><${Icon} name="plus" />New item</button></div>`}
    <nav class="page-tabs" aria-label="Workspace">
      ${TABS.map(([name, word, route]) => html`<a key=${name} href=${route(workspace.key)} aria-current=${name === current ? "page" : undefined}>${word}</a>`)}
    </nav>
  </header>`;
}
