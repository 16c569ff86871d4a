/** The lineage of a probe or an idea as a tree. */
import { html } from "../lib/html.js";
import { itemRoute } from "../lib/route.js";
import { itemState } from "../lib/words.js";
import { sentence } from "../lib/format.js";
import { Status } from "./status.js";

export function Tree({ lineage, workspace }) {
  const children = new Map();
  const ids = new Set(lineage.map((member) => member.work_item_id));
  for (const member of lineage) {
    const parent = ids.has(member.parent_id) ? member.parent_id : null;
    children.set(parent, [...(children.get(parent) ?? []), member]);
  }
  return html`<ul class="tree plain">${branches(children, null, workspace)}</ul>`;
}

function branches(children, parent, workspace) {
  return (children.get(parent) ?? []).map((member) => html`<li key=${member.work_item_id}>
    <div class="tree-row">
      <span class="kind">${member.kind}</span>
      <a href=${itemRoute(workspace, member.work_item_id)} class="clip" title=${member.work_item_id}>${member.work_item_id}</a>
      <${Status} state=${itemState(member.state)} />
    </div>
    ${parent === null && !member.parent_id ? null : html`<p class="soft tree-how">${sentence(member.how)}</p>`}
    ${children.has(member.work_item_id) ? html`<ul class="plain">${branches(children, member.work_item_id, workspace)}</ul>` : null}
  </li>`);
}
