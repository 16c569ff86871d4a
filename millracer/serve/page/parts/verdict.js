/** The verdict on an item, in one panel: proven, not proven, or still open. */
import { html } from "../lib/html.js";
import { plural, sentence, words } from "../lib/format.js";
import { LIVE, itemState } from "../lib/words.js";
import { Evidence, Missing } from "./evidence.js";
import { Shape } from "./status.js";

export function Verdict({ item, state, attempt, running, step }) {
  const { tone, shape, title, text } = describe(item, state, attempt, running, step);
  const { evidence, missing_evidence: missing } = item;
  return html`<section class="verdict tone-${tone}" aria-labelledby="verdict-title">
    <header aria-live="polite">
      <${Shape} state=${{ tone, shape }} />
      <div><h2 id="verdict-title">${title}</h2>${text ? html`<p>${text}</p>` : null}</div>
    </header>
    ${item.failure ? html`<pre class="failure" tabindex="0" role="region" aria-label="Reason">${item.failure}</pre>` : null}
    ${evidence.length ? html`<details class="fold" open=${item.scoped_completion && evidence.length <= 4}><summary>${item.scoped_completion ? "Evidence" : "What Millrace reports"} <span class="number soft">${evidence.length}</span></summary><${Evidence} facts=${evidence} /></details>` : null}
    ${missing.length ? html`<details class="fold" open=${!LIVE.has(state)}><summary>${LIVE.has(state) ? "What completion still needs" : "What is missing"} <span class="number soft">${missing.length}</span></summary><${Missing} missing=${missing} /></details>` : null}
  </section>`;
}

function describe(item, state, attempt, running, step) {
  const look = itemState(state);
  if (item.scoped_completion) {
    return { tone: "ok", shape: "done", title: "Completed: proven by Millrace's evidence", text: `${plural(item.evidence.length, "fact")} of Millrace ${item.evidence.length === 1 ? "proves" : "prove"} that this item is done.` };
  }
  if (attempt?.outcome === "stuck" && state !== "done") {
    return { tone: "warn", shape: "blocked", title: "Stuck: it makes no progress", text: "The last attempt ended because nothing changed for too long. Retry it, or look at the logs of its last stage." };
  }
  if (state === "blocked") return { tone: "bad", shape: "blocked", title: "Blocked: Millrace cannot continue it without help", text: sentence(item.detail) };
  if (running) return { tone: "run", shape: "running", title: `${sentence(words(running.stage))} works on it`, text: "Not finished: nothing is proven yet." };
  if (LIVE.has(state)) return { tone: "idle", shape: look.shape, title: state === "active" ? "Between two stages" : look.word, text: step ? `${sentence(step)}.` : look.text };
  if (state === "done") return { tone: "warn", shape: "unknown", title: "Ended, but not proven", text: "Millrace moved it to done, and the evidence does not prove it. It does not count as completed." };
  return { tone: look.tone, shape: look.shape, title: look.word, text: item.detail ? sentence(item.detail) : look.text };
}
