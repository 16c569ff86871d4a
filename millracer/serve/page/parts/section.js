/** A section of the item page: heading, a summary beside it, and content. */
import { html } from "../lib/html.js";

export function Section({ id, title, aside, children, shortcut }) {
  return html`<section class="section" id=${id} tabindex="-1" aria-labelledby=${`${id}-title`}>
    <header class="section-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${shortcut ? html`<kbd aria-hidden="true">${shortcut}</kbd>` : null}
      ${aside ? html`<span class="soft section-aside">${aside}</span>` : null}
    </header>
    ${children}
  </section>`;
}
