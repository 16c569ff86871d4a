/** The stored events of an item: the last 300, earlier ones on demand, each with its payload folded. */
import { html, useState } from "../lib/html.js";
import { clock, integer, moment } from "../lib/format.js";

const PAGE = 300;

export function Events({ frames }) {
  const [shown, setShown] = useState(PAGE);
  const first = Math.max(0, frames.length - shown);
  return html`
    ${first ? html`<button type="button" class="quiet" onClick=${() => setShown(shown + PAGE)}>Show ${integer(Math.min(PAGE, first))} earlier of ${integer(first)}</button>` : null}
    <ol class="events plain" data-testid="events">
      ${frames.slice(first).map((frame) => html`<${EventRow} key=${frame.event_id} frame=${frame} />`)}
    </ol>`;
}

function EventRow({ frame }) {
  const [isOpen, setIsOpen] = useState(false);
  return html`<li class="event severity-${frame.severity}">
    <details onToggle=${(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        <span class="number event-sequence">${frame.sequence}</span>
        <time class="number soft" datetime=${frame.timestamp} title=${moment(frame.timestamp)}>${clock(frame.timestamp)}</time>
        <span class="event-type">${frame.event_type}</span>
        <span class="event-message">${frame.message}</span>
      </summary>
      ${isOpen ? html`<pre tabindex="0" role="region" aria-label="Frame">${JSON.stringify(frame, null, 2)}</pre>` : null}
    </details>
  </li>`;
}
