/** Confirm a control command, wait for its answer, and say what was observed. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { inWorkspace, postDocument } from "../lib/api.js";
import { refreshBoard } from "../lib/board.js";
import { closeDialog } from "../lib/dialogs.js";
import { sentence } from "../lib/format.js";
import { controlOutcome } from "../lib/words.js";
import { NextSteps } from "../parts/copy.js";
import { Dialog } from "../parts/dialog.js";
import { ErrorNotice, Notice, Warnings } from "../parts/notice.js";

/** `asks`: the field that the command takes; `active`: the text for an item that a stage works on. */
const COMMANDS = {
  cancel: { title: "Cancel this item", text: "Millrace ends the work on it. Files that its stages changed stay as they are.", active: "Millrace cancels no item that a stage works on. Stop the daemon first: then the item waits in the queue, and can be cancelled.", button: "Cancel the item", busy: "Waiting for Millrace…", tone: "danger", asks: "reason" },
  retry: { title: "Retry this item", text: "Millrace puts the blocked item back into the queue.", button: "Retry the item", busy: "Waiting for Millrace…", asks: "reason" },
  pause: { title: "Pause the workspace", text: "A running stage continues to its end. No new stage is started.", button: "Pause", busy: "Waiting for Millrace…" },
  resume: { title: "Resume the workspace", text: "Stages are started again.", button: "Resume", busy: "Waiting for Millrace…" },
  start: { title: "Start the daemon", text: "It works on the queue of this workspace until it is stopped.", button: "Start", busy: "Starting…" },
  stop: { title: "Stop the daemon", text: "It finishes its stage first. What is not finished stays in the queue. A pause of the workspace ends with the daemon.", button: "Stop the daemon", busy: "Stopping…", tone: "danger", asks: "force" },
};

/** Commands on the fleet; `path` gives their address. */
const FLEET_COMMANDS = {
  cancel: { title: "Cancel this item", text: "An item that has not started ends at once. The host of a running item stops it, as soon as it is back if it is away.", button: "Cancel the item", busy: "Waiting for the host…", tone: "danger", asks: "reason" },
  retry: { title: "Dispatch this item again", text: "Its host takes it again. Its host ended too often while it ran: make sure that the item is not the cause.", button: "Dispatch it again", busy: "Dispatching…" },
  pause: { title: "Pause the workspace", text: "No item starts there. A running item continues.", button: "Pause", busy: "Pausing…", asks: "note" },
  resume: { title: "Resume the workspace", text: "Items start there again.", button: "Resume", busy: "Resuming…" },
};

/** `path`: the address of a command on the fleet; without it the command is on a workspace here. */
export function ControlDialog({ command, workspace, item, title, isActive, path: fleetPath }) {
  const about = (fleetPath ? FLEET_COMMANDS : COMMANDS)[command];
  const asksText = about.asks === "reason" || about.asks === "note";
  const [reason, setReason] = useState("");
  const [isForced, setIsForced] = useState(false);
  const [state, setState] = useState({ isBusy: false, error: null, document: null });
  const close = useRef(null);
  useEffect(() => {
    if (state.document) close.current?.focus();
  }, [state.document]);
  const path = fleetPath ?? (item ? inWorkspace(workspace, "items", item, command) : inWorkspace(workspace, command));
  const confirm = async (event) => {
    event.preventDefault();
    if (state.isBusy) return;
    setState({ isBusy: true, error: null, document: null });
    try {
      const body = asksText && reason.trim() ? { [about.asks]: reason.trim() } : about.asks === "force" && isForced ? { force: true } : {};
      setState({ isBusy: false, error: null, document: await postDocument(path, body) });
    } catch (error) {
      setState({ isBusy: false, error: error.document?.outcome ? null : error, document: error.document?.outcome ? error.document : null });
    }
    refreshBoard();
  };
  if (state.document) {
    return html`<${Dialog} title=${about.title}><div class="stack">
      <${Answer} document=${state.document} />
      <footer class="dialog-foot"><button type="button" class="primary" ref=${close} onClick=${closeDialog}>Close</button></footer>
    </div><//>`;
  }
  return html`<${Dialog} title=${about.title} isBusy=${state.isBusy}>
    <form onSubmit=${confirm} class="stack">
      ${title ? html`<p class="dialog-subject">${title}</p>` : null}
      ${isActive && about.active ? html`<${Notice} tone="warn" shape="blocked" title=${about.active} />` : html`<p>${about.text}</p>`}
      ${asksText ? html`<label class="field"><span>Reason <span class="soft">(optional)</span></span><input type="text" autofocus value=${reason} disabled=${state.isBusy} onInput=${(event) => setReason(event.currentTarget.value)} placeholder=${about.asks === "note" ? "Shown with the waiting items" : "Kept with the item"} autocomplete="off" /></label>` : null}
      ${about.asks === "force" ? html`<label class="check-field"><input type="checkbox" checked=${isForced} disabled=${state.isBusy} onChange=${(event) => setIsForced(event.currentTarget.checked)} /><span>Also stop it if something else started or watches it</span></label>` : null}
      ${state.error ? html`<div role="alert"><${ErrorNotice} error=${state.error} /></div>` : null}
      <footer class="dialog-foot">
        <button type="button" disabled=${state.isBusy} onClick=${closeDialog}>${command === "cancel" ? "Keep it" : "Close"}</button>
        <button type="submit" autofocus=${!asksText} class=${about.tone ?? "primary"} disabled=${state.isBusy} aria-busy=${state.isBusy}>${state.isBusy ? about.busy : about.button}</button>
      </footer>
    </form>
  <//>`;
}

/** The outcome that Millrace confirmed, which may differ from the request. */
function Answer({ document }) {
  const outcome = controlOutcome(document.outcome);
  return html`<div role="status" class="stack">
    <${Notice} tone=${outcome.tone} shape=${outcome.shape} title=${outcome.word}><p>${sentence(document.message)}</p><//>
    ${document.errors.map((error) => html`<${Notice} key=${error.code} tone="bad" title=${error.message}>${error.suggested_action ? html`<p>${error.suggested_action}</p>` : null}<//>`)}
    <${Warnings} warnings=${document.warnings} />
    <${NextSteps} steps=${document.next_steps} />
  </div>`;
}
