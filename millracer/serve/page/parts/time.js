/** Times: relative in words, exact on hover, both from one `<time>`. */
import { html } from "../lib/html.js";
import { ago, duration, moment } from "../lib/format.js";
import { useNow } from "../lib/use-now.js";

/** How long ago something was. */
export function Ago({ time }) {
  const now = useNow(true, 15000);
  if (!time) return null;
  return html`<time class="number" datetime=${time} title=${moment(time)}>${ago(time, now)}</time>`;
}

/** How long something has lasted, counting each second. */
export function Since({ time }) {
  const now = useNow(true);
  if (!time) return null;
  return html`<time class="number" datetime=${time} title=${`since ${moment(time)}`}>${duration(Math.max(0, (now - Date.parse(time)) / 1000))}</time>`;
}
