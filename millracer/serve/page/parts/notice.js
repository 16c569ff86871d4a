/** A state in words with its next step, on a tinted panel. */
import { html } from "../lib/html.js";
import { Shape } from "./status.js";

const SHAPES = { ok: "done", warn: "blocked", bad: "blocked", idle: "unknown", run: "running" };

export function Notice({ tone = "idle", shape, title, children, actions, id }) {
  return html`<section class="notice tone-${tone}" id=${id}>
    <${Shape} state=${{ tone, shape: shape ?? SHAPES[tone] }} />
    <div class="notice-body">
      <p class="notice-title">${title}</p>
      ${children}
      ${actions ? html`<div class="actions">${actions}</div>` : null}
    </div>
  </section>`;
}

/** An error of the API: what failed, and what to do. */
export function ErrorNotice({ error, retry }) {
  return html`<${Notice}
    tone=${error.status === 0 ? "warn" : "bad"}
    title=${error.message}
    actions=${retry ? html`<button type="button" onClick=${() => retry(0)}>Try again</button>` : null}
  >
    ${error.suggestedAction ? html`<p>${error.suggestedAction}</p>` : null}
    <p class="soft"><code>${error.code}</code></p>
  <//>`;
}

/** The warnings of a document: strings `code: text`, or objects. */
export function Warnings({ warnings }) {
  if (!warnings?.length) return null;
  return warnings.map((warning) => {
    const text = typeof warning === "string" ? warning : `${warning.code}: ${warning.message}`;
    const [, code, message] = /^([a-z_]+): (.*)$/s.exec(text) ?? [null, "", text];
    return html`<${Notice} key=${text} tone="warn" title=${message}>${code ? html`<p class="soft"><code>${code}</code></p>` : null}<//>`;
  });
}

/** An empty place: what is not there, and how to get it. */
export function Empty({ title, children, actions }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    ${children}
    ${actions ? html`<div class="actions">${actions}</div>` : null}
  </div>`;
}

/** Placeholder of the size of the content that loads. */
export function Loading({ rows = 3, text = "Loading" }) {
  return html`<div class="loading" role="status"><span class="hidden-text">${text}</span>${Array.from({ length: rows }, (_, at) => html`<span class="bone" key=${at}></span>`)}</div>`;
}
