/** Submit an item. A repeated submission after a lost answer attaches to the first one. */
import { html, useState } from "../lib/html.js";
import { inWorkspace, postDocument } from "../lib/api.js";
import { refreshBoard } from "../lib/board.js";
import { closeDialog } from "../lib/dialogs.js";
import { itemRoute, navigate } from "../lib/route.js";
import { KINDS } from "../lib/words.js";
import { Dialog } from "../parts/dialog.js";
import { ErrorNotice } from "../parts/notice.js";

/** What was written and not submitted survives the closing of the dialog. */
let draft = blank();

export function SubmitDialog({ workspace: preferred, board }) {
  const usable = board.workspaces.filter((each) => each.exists);
  const [key, setKey] = useState(preferred ?? usable.find((each) => each.is_default)?.key ?? usable[0]?.key ?? "");
  const [form, setForm] = useState(draft);
  const [state, setState] = useState({ isBusy: false, error: null });
  const change = (name) => (event) => {
    const field = event.currentTarget;
    draft = { ...form, [name]: field.type === "checkbox" ? field.checked : field.value };
    setForm(draft);
  };
  const submit = async (event) => {
    event?.preventDefault();
    if (!form.task.trim() || !key || state.isBusy) return;
    setState({ isBusy: true, error: null });
    try {
      const accepted = await postDocument(inWorkspace(key, "items"), bodyOf(form));
      draft = blank();
      refreshBoard();
      closeDialog();
      navigate(itemRoute(key, accepted.work_item_id));
    } catch (error) {
      setState({ isBusy: false, error });
    }
  };
  const keys = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  const field = (name, label, hint) => html`<label class="field"><span>${label}</span><input type="text" value=${form[name]} onInput=${change(name)} placeholder=${hint} autocomplete="off" spellcheck="false" /></label>`;
  return html`<${Dialog} title="New item" isBusy=${state.isBusy} isWide>
    <form onSubmit=${submit} onKeyDown=${keys} class="stack">
      ${usable.length > 1 ? html`<label class="field"><span>Workspace</span><select value=${key} onChange=${(event) => setKey(event.currentTarget.value)}>${usable.map((each) => html`<option key=${each.key} value=${each.key} selected=${each.key === key}>${each.name} (${each.path})</option>`)}</select></label>` : null}
      <label class="field"><span>Task</span><textarea autofocus rows="6" required value=${form.task} onInput=${change("task")} placeholder="What is to be done, in your own words"></textarea></label>
      <fieldset class="kinds"><legend>Kind</legend>
        ${KINDS.map(({ name, word, text }) => html`<label class="kind-choice" key=${name}><input type="radio" name="intake" value=${name} aria-labelledby=${`kind-${name}`} aria-describedby=${`kind-${name}-text`} checked=${form.intake === name} onChange=${change("intake")} /><span class="kind-word" id=${`kind-${name}`}>${word}</span><span class="soft" id=${`kind-${name}-text`}>${text}</span></label>`)}
      </fieldset>
      <details class="fold"><summary>Options</summary>
        <div class="grid-2">
          <label class="field wide-field"><span>Request id</span><input type="text" value=${form.requestId} onInput=${change("requestId")} placeholder="for example ticket-12" autocomplete="off" spellcheck="false" /><small class="soft">Your own name for the request. The same id and text is the same item, however often it is submitted.</small></label>
          ${field("stageModel", "Model of the stages", "provider/model:thinking")}
          ${field("mode", "Millrace mode", "default_pi")}
          ${field("provider", "Provider of the outer pi", "pi's own setting")}
          ${field("model", "Model of the outer pi", "pi's own setting")}
        </div>
      </details>
      <label class="check-field"><input type="checkbox" checked=${form.runs} onChange=${change("runs")} /><span>Run it now <span class="soft">– otherwise it waits in the queue</span></span></label>
      ${state.error ? html`<div role="alert"><${ErrorNotice} error=${state.error} /></div>` : null}
      <footer class="dialog-foot">
        <span class="soft hint"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span>
        <button type="button" disabled=${state.isBusy} onClick=${closeDialog}>Close</button>
        <button type="submit" class="primary" disabled=${state.isBusy || !form.task.trim()}>${state.isBusy ? "Submitting…" : "Submit"}</button>
      </footer>
    </form>
  <//>`;
}

function bodyOf(form) {
  const options = { provider: form.provider, model: form.model, stage_model: form.stageModel, millrace_mode: form.mode };
  const chosen = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
  return {
    task: form.task.trim(),
    run: form.runs,
    ...(form.intake === "auto" ? {} : { intake: form.intake }),
    request_id: form.requestId.trim() || form.ownId,
    ...(Object.keys(chosen).length ? { options: chosen } : {}),
  };
}

/** An empty form; its own id makes a retry with the same text the same item. */
function blank() {
  return { task: "", intake: "auto", requestId: "", ownId: `page-${randomId()}`, runs: true, provider: "", model: "", stageModel: "", mode: "" };
}

function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
