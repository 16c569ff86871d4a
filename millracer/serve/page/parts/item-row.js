/** One item in a list: shape, title, what it does now, and when. */
import { html } from "../lib/html.js";
import { itemRoute } from "../lib/route.js";
import { itemState } from "../lib/words.js";
import { Shape } from "./status.js";
import { words } from "../lib/format.js";

export function ItemRow({ item, workspace, state, detail, note, time }) {
  const look = itemState(state);
  return html`<li>
    <a class="row" data-row href=${itemRoute(workspace, item.work_item_id)}>
      <${Shape} state=${look} title=${look.word} />
      <span class="row-main"><span class="row-title">${item.title || item.work_item_id}</span>${note ? html`<span class="row-note">${note}</span>` : null}</span>
      ${detail ? html`<span class="row-detail">${detail}</span>` : null}
      <span class="row-kind soft">${words(item.kind ?? item.work_kind ?? "")}</span>
      <span class="row-time soft">${time}</span>
    </a>
  </li>`;
}
