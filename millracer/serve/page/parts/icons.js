/** Line icons. They repeat what the text beside them says. */
import { html } from "../lib/html.js";

const PATHS = {
  logo: "M2 10.5c2-2.6 4-2.6 6 0s4 2.6 6 0M2 5.5c2-2.6 4-2.6 6 0s4 2.6 6 0",
  plus: "M8 3v10M3 8h10",
  help: "M6 6.2c0-2.7 4-2.5 4 0 0 1.6-2 1.5-2 3.1M8 12v.2",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  check: "m3.5 8.5 3 3 6-7",
  chevron: "m6 4 4 4-4 4",
  folder: "M2 4.5h4.5L8 6h6v7H2z",
  close: "m4 4 8 8M12 4l-8 8",
  tool: "m4 5 3 3-3 3M8.5 11.5h4",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  play: "M5 3.5v9l7-4.5z",
  pause: "M5.5 4v8M10.5 4v8",
  stop: "M4 4h8v8H4z",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
