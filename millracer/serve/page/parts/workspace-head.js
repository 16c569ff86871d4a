/** Head of the pages of a workspace: name, path, tabs. */
import { html } from "../lib/html.js";
import { doctorRoute, modelsRoute, workspaceRoute } from "../lib/route.js";

const TABS = [
  ["items", "Items", workspaceRoute],
  ["models", "Models", modelsRoute],
  ["doctor", "Doctor", doctorRoute],
];

export function WorkspaceHead({ workspace, current }) {
  return html`<header class="page-head">
    <div>
      <h1>${workspace.name}</h1>
      <p class="path soft">${workspace.path}</p>
    </div>
    <nav class="page-tabs" aria-label="Workspace">
      ${TABS.map(([name, word, route]) => html`<a key=${name} href=${route(workspace.key)} aria-current=${name === current ? "page" : undefined}>${word}</a>`)}
    </nav>
  </header>`;
}
