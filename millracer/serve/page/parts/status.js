/** A state as shape, word and colour. */
import { html } from "../lib/html.js";

const SHAPES = {
  done: html`<circle cx="8" cy="8" r="7" fill="currentColor" /><path d="m4.8 8.3 2.2 2.2 4.3-4.6" class="on-fill" />`,
  running: html`<circle cx="8" cy="8" r="6" class="ring faint" /><path d="M8 2a6 6 0 0 1 6 6" class="ring spin" /><circle cx="8" cy="8" r="2.4" fill="currentColor" />`,
  waiting: html`<circle cx="8" cy="8" r="6" class="ring dashed" />`,
  blocked: html`<path d="M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z" fill="currentColor" /><path d="M8 4.4v4.4" class="on-fill" /><circle cx="8" cy="11.4" r="1.1" class="dot-on-fill" />`,
  on: html`<circle cx="8" cy="8" r="4" fill="currentColor" />`,
  off: html`<circle cx="8" cy="8" r="4" class="ring" />`,
  aside: html`<circle cx="8" cy="8" r="6" class="ring" /><path d="M4.2 11.8 11.8 4.2" class="ring" />`,
  paused: html`<circle cx="8" cy="8" r="7" fill="currentColor" /><path d="M6.2 5.2v5.6M9.8 5.2v5.6" class="on-fill" />`,
  unknown: html`<circle cx="8" cy="8" r="6" class="ring" /><path d="M6.3 6.4c0-2.4 3.5-2.2 3.5 0 0 1.3-1.8 1.3-1.8 2.6" class="ring thin" /><circle cx="8" cy="11.2" r=".9" fill="currentColor" />`,
};

/** The shape alone, beside text that names the state. */
export function Shape({ state, title }) {
  return html`<svg class="shape tone-${state.tone}" viewBox="0 0 16 16" aria-hidden=${title ? undefined : "true"} role=${title ? "img" : undefined} aria-label=${title}>
    ${SHAPES[state.shape] ?? SHAPES.unknown}
  </svg>`;
}

/** Shape and word. */
export function Status({ state, children }) {
  return html`<span class="status tone-${state.tone}"><${Shape} state=${state} /><span>${children ?? state.word}</span></span>`;
}

/** Shape and word on a tinted background. */
export function Pill({ state, children }) {
  return html`<span class="pill tone-${state.tone}"><${Shape} state=${state} /><span>${children ?? state.word}</span></span>`;
}
