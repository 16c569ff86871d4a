/** Read-only checks of a workspace, each with its finding and next step. */
import { html } from "../lib/html.js";
import { inWorkspace } from "../lib/api.js";
import { findWorkspace, useBoard } from "../lib/board.js";
import { plural, sentence, words } from "../lib/format.js";
import { useDocument } from "../lib/use-document.js";
import { useLive } from "../lib/use-live.js";
import { useTitle } from "../lib/use-title.js";
import { checkLevel } from "../lib/words.js";
import { Command } from "../parts/copy.js";
import { Icon } from "../parts/icons.js";
import { ErrorNotice, Loading } from "../parts/notice.js";
import { Shape } from "../parts/status.js";
import { WorkspaceHead } from "../parts/workspace-head.js";
import { NotServed } from "./workspace.js";

/** Names of checks that are not just their words. */
const NAMES = {
  proc: "Processes",
  sqlite: "SQLite",
  millrace_start: "Millrace starts",
  pi: "pi",
  pi_start: "pi starts",
  pi_model: "Model of pi",
  pi_turn: "A turn of pi",
  stage_model: "Models of the stages",
};

export function Doctor({ route }) {
  const { key } = route;
  const { board } = useBoard();
  const workspace = findWorkspace(board, key);
  const { document, error, isLoading, reload } = useDocument(inWorkspace(key, "doctor"));
  useLive("/events", {});
  useTitle(workspace ? `Doctor of ${workspace.name}` : "Doctor");
  if (board && !workspace) return html`<${NotServed} />`;
  if (!workspace) return html`<${Loading} text="Checking" />`;
  return html`
    <${WorkspaceHead} workspace=${workspace} current="doctor" />
    <div class="doctor-head">
      <p aria-live="polite">${document ? verdict(document) : isLoading ? "Checking: this starts pi and Millrace and takes some seconds." : ""}</p>
      <button type="button" disabled=${isLoading} onClick=${() => reload(0)}><${Icon} name="refresh" />${isLoading ? "Checking…" : "Check again"}</button>
    </div>
    ${error ? html`<${ErrorNotice} error=${error} retry=${reload} />` : null}
    ${!document && isLoading ? html`<${Loading} rows=${8} text="Checking" />` : null}
    ${document
      ? html`<ol class="checks plain">${document.checks.map((check) => html`<${Check} key=${check.name} check=${check} />`)}</ol>
          <section class="section"><header class="section-head"><h2>Versions</h2></header>
            <dl class="pairs versions">${Object.entries(document.versions).map(([name, version]) => html`<div key=${name}><dt>${NAMES[name] ?? sentence(name)}</dt><dd class="number">${version ?? "not found"}</dd></div>`)}</dl>
          </section>`
      : null}`;
}

function verdict({ ok, checks }) {
  const count = (level) => checks.filter((check) => check.level === level).length;
  const warnings = count("warning");
  if (!ok) return `${plural(count("fail"), "check fails", "checks fail")}: a run would not work here yet.`;
  return warnings ? `A run would work here, with ${plural(warnings, "warning")}.` : "A run would work here.";
}

function Check({ check }) {
  const level = checkLevel(check.level);
  return html`<li class="check level-${check.level}">
    <${Shape} state=${level} title=${level.word} />
    <span class="check-name">${NAMES[check.name] ?? sentence(words(check.name))}</span>
    <div class="check-body">
      <p>${check.message}</p>
      ${check.next_command ? html`<${Command} command=${check.next_command} />` : null}
      ${check.detail ? html`<details class="fold"><summary>Details</summary><pre tabindex="0" role="region" aria-label="Details">${check.detail}</pre></details>` : null}
    </div>
  </li>`;
}
