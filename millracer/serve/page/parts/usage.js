/** Tokens, cost and time by stage, with totals. */
import { html } from "../lib/html.js";
import { compact, cost, duration, integer, words } from "../lib/format.js";

const COUNTS = ["input", "cached", "output", "total"];

/** Sums over stages; each is null if no stage reports it, and `isPartial` if only some report a cost. */
export function usageOf(stages) {
  const counted = stages.filter((stage) => stage.tokens);
  const priced = stages.filter((stage) => stage.cost_usd !== null && stage.cost_usd !== undefined);
  const sum = (list, read) => (list.length ? list.reduce((total, each) => total + read(each), 0) : null);
  return {
    tokens: counted.length ? Object.fromEntries(COUNTS.map((name) => [name, sum(counted, (stage) => stage.tokens[name])])) : null,
    cost: sum(priced, (stage) => stage.cost_usd),
    isPartial: priced.length > 0 && priced.length < stages.length,
    seconds: sum(stages.filter((stage) => stage.end !== null), (stage) => (stage.end - stage.start) / 1000),
  };
}

export function Usage({ stages }) {
  const total = usageOf(stages);
  const most = Math.max(1, ...stages.map((stage) => stage.tokens?.total ?? 0));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Usage by stage">
    <table class="table numbers">
      <thead><tr><th scope="col">Stage</th><th scope="col">Model</th><th scope="col">Time</th><th scope="col">Input</th><th scope="col">Cached</th><th scope="col">Output</th><th scope="col">Tokens</th><th scope="col" class="share"><span class="hidden-text">Share</span></th><th scope="col">Cost</th></tr></thead>
      <tbody>${stages.map((stage) => html`<tr key=${stage.id}>
        <th scope="row">${words(stage.stage)}</th>
        <td class="text">${stage.model ?? html`<span class="soft">default</span>`}${stage.thinking ? html` <span class="soft">${stage.thinking}</span>` : null}</td>
        <td>${stage.end === null ? "–" : duration((stage.end - stage.start) / 1000)}</td>
        ${COUNTS.map((name) => html`<td key=${name} title=${stage.tokens ? integer(stage.tokens[name]) : "not reported"}>${stage.tokens ? compact(stage.tokens[name]) : "–"}</td>`)}
        <td class="share"><svg aria-hidden="true"><rect width=${`${((stage.tokens?.total ?? 0) / most) * 100}%`} height="100%" rx="2" /></svg></td>
        <td title=${stage.cost_unknown ?? ""}>${stage.cost_usd === null || stage.cost_usd === undefined ? "–" : cost(stage.cost_usd)}</td>
      </tr>`)}</tbody>
      <tfoot><tr>
        <th scope="row">Total</th><td></td>
        <td>${total.seconds === null ? "–" : duration(total.seconds)}</td>
        ${COUNTS.map((name) => html`<td key=${name}>${total.tokens ? compact(total.tokens[name]) : "–"}</td>`)}
        <td class="share"></td>
        <td>${total.cost === null ? "–" : `${total.isPartial ? "≥ " : ""}${cost(total.cost)}`}</td>
      </tr></tfoot>
    </table>
  </div>`;
}
