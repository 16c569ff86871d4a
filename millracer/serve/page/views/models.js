/** The models of a workspace: what each stage uses, and how to change it. */
import { html, useState } from "../lib/html.js";
import { inWorkspace, postDocument } from "../lib/api.js";
import { findWorkspace, useBoard } from "../lib/board.js";
import { words } from "../lib/format.js";
import { useDocument } from "../lib/use-document.js";
import { useLive } from "../lib/use-live.js";
import { useTitle } from "../lib/use-title.js";
import { NextSteps } from "../parts/copy.js";
import { ErrorNotice, Loading, Notice, Warnings } from "../parts/notice.js";
import { Status } from "../parts/status.js";
import { WorkspaceHead } from "../parts/workspace-head.js";
import { NotServed } from "./workspace.js";

const CREDENTIALS = {
  yes: { word: "yes", tone: "ok", shape: "done" },
  no: { word: "no", tone: "bad", shape: "blocked" },
  ambiguous: { word: "several providers", tone: "warn", shape: "unknown" },
  unknown: { word: "unknown", tone: "idle", shape: "unknown" },
};
const ORIGINS = {
  default: "Millrace's default",
  workspace: "this workspace",
  mode: "the mode",
  runner: "its runner",
  pi: "pi's own settings",
  option: "an option",
  environment: "the environment",
  user_file: "the user's file",
  workspace_file: "the workspace's file",
};

export function Models({ route }) {
  const { key } = route;
  const { board } = useBoard();
  const workspace = findWorkspace(board, key);
  const { document, error, isLoading, reload } = useDocument(inWorkspace(key, "models"));
  useLive("/events", {});
  useTitle(workspace ? `Models of ${workspace.name}` : "Models");
  if (board && !workspace) return html`<${NotServed} />`;
  if (!workspace) return html`<${Loading} text="Loading the models" />`;
  return html`
    <${WorkspaceHead} workspace=${workspace} current="models" />
    ${error ? html`<${ErrorNotice} error=${error} retry=${reload} />` : null}
    ${!document && isLoading ? html`<${Loading} rows=${8} text="Asking pi and Millrace for the models" />` : null}
    ${document
      ? html`
          <${Warnings} warnings=${document.warnings} />
          ${document.next_steps.length ? html`<${Notice} tone="warn" title="Some stages have no credentials"><${NextSteps} steps=${document.next_steps} /><//>` : null}
          <${Outer} model=${document.outer} />
          ${document.stages.length ? html`<${Stages} stages=${document.stages} mode=${document.mode} />` : html`<${Notice} title="Not a Millrace workspace yet"><p>${document.new_stage_model ? `The first delegated task gives its stages ${document.new_stage_model}.` : "The first delegated task chooses the models of its stages."}</p><//>`}
          ${document.aliases.length ? html`<${Aliases} document=${document} workspace=${key} isReadOnly=${board.read_only} reload=${reload} />` : null}
        `
      : null}`;
}

function Outer({ model }) {
  return html`<section class="section"><header class="section-head"><h2>Outer pi</h2><span class="soft section-aside">decides about a task and writes the closing answer</span></header>
    ${model?.model
      ? html`<p class="model-line"><code>${model.provider}/${model.model}</code> <span class="soft">thinking ${model.thinking}, set by ${ORIGINS[model.origin] ?? model.origin}</span> <${Status} state=${CREDENTIALS[model.credentials ? "yes" : "no"]}>${model.credentials ? "credentials" : "no credentials"}<//></p>`
      : html`<p class="soft">pi has no model. Start <code>pi</code> and enter <code>/login</code>, or set a provider's key in the environment.</p>`}
  </section>`;
}

function Stages({ stages, mode }) {
  return html`<section class="section"><header class="section-head"><h2>Stages</h2>${mode ? html`<span class="soft section-aside">mode ${mode}</span>` : null}</header>
    <div class="scroll" tabindex="0" role="region" aria-label="Models of the stages"><table class="table">
      <thead><tr><th scope="col">Stage</th><th scope="col">Alias</th><th scope="col">Model</th><th scope="col">Thinking</th><th scope="col">Credentials</th><th scope="col">Set by</th></tr></thead>
      <tbody>${stages.map((stage) => html`<tr key=${stage.stage}>
        <th scope="row">${words(stage.stage)}</th>
        <td>${stage.alias ?? "–"}</td>
        <td><code>${stage.model ? `${stage.provider}/${stage.model}` : (stage.name ?? "chosen by the runner")}</code></td>
        <td>${stage.thinking ?? "–"}</td>
        <td>${stage.credentials ? html`<${Status} state=${CREDENTIALS[stage.credentials]} />` : html`<span class="soft">not pi</span>`}</td>
        <td class="soft">${ORIGINS[stage.origin] ?? stage.origin}</td>
      </tr>`)}</tbody>
    </table></div>
  </section>`;
}

function Aliases({ document, workspace, isReadOnly, reload }) {
  const [choices, setChoices] = useState({});
  const [state, setState] = useState({ isBusy: false, error: null, text: null });
  const send = async (body) => {
    setState({ isBusy: true, error: null, text: null });
    try {
      const { changed } = await postDocument(inWorkspace(workspace, "models"), body);
      setChoices({});
      setState({ isBusy: false, error: null, text: changed.length ? `Changed: ${changed.map(({ alias, model }) => `${alias} is ${model}`).join(", ")}.` : "Nothing to change." });
      reload(0);
    } catch (error) {
      setState({ isBusy: false, error, text: null });
    }
  };
  const wanted = Object.entries(choices).filter(([, model]) => model.trim());
  const submit = (event) => {
    event.preventDefault();
    if (wanted.length) send({ choices: wanted.map(([alias, model]) => `${alias}=${model.trim()}`), follow_pi: false });
  };
  return html`<section class="section"><header class="section-head"><h2>Aliases</h2><span class="soft section-aside">names that the stages use for their models</span></header>
    <form onSubmit=${submit}>
      <div class="aliases">
        ${document.aliases.map(({ alias, model, thinking, origin }) => html`<div class="alias" key=${alias}>
          <span class="alias-name">${alias}</span>
          <span><code>${model}</code> <span class="soft">thinking ${thinking}, set by ${ORIGINS[origin] ?? origin}</span></span>
          ${isReadOnly
            ? null
            : html`<input type="text" list="available" aria-label=${`New model of ${alias}`} placeholder="provider/model:thinking" autocomplete="off" spellcheck="false" value=${choices[alias] ?? ""} onInput=${(event) => setChoices({ ...choices, [alias]: event.currentTarget.value })} />`}
        </div>`)}
      </div>
      <datalist id="available">${document.available.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
      ${isReadOnly
        ? null
        : html`<div class="actions">
            <button type="submit" class="primary" disabled=${state.isBusy || !wanted.length}>${state.isBusy ? "Saving…" : "Save models"}</button>
            <button type="button" disabled=${state.isBusy} onClick=${() => send({ choices: [], follow_pi: true })}>Use the model of the outer pi</button>
          </div>`}
    </form>
    ${state.error ? html`<${ErrorNotice} error=${state.error} />` : null}
    ${state.text ? html`<p role="status">${state.text}</p>` : null}
  </section>`;
}
