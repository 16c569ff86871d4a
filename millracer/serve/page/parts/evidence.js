/** The verdict: proven with its evidence, or not proven with what is missing. */
import { html } from "../lib/html.js";
import { clock, moment, sentence } from "../lib/format.js";

export function Evidence({ facts }) {
  return html`<ol class="facts plain">
    ${facts.map((fact, at) => html`<li key=${at}>
      <p>${sentence(fact.statement)}</p>
      <p class="soft small-text"><time class="number" datetime=${fact.at} title=${moment(fact.at)}>${clock(fact.at)}</time> · <code>${fact.source}</code></p>
    </li>`)}
  </ol>`;
}

export function Missing({ missing }) {
  return html`<dl class="missing">
    ${missing.map((each, at) => html`<div key=${at}>
      <dt>${sentence(each.needed)}</dt>
      <dd>found: ${each.found}</dd>
      <dd class="soft small-text">looked in <code>${each.looked_in}</code></dd>
    </div>`)}
  </dl>`;
}
