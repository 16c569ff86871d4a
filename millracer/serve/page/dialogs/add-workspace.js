/** Register a workspace, so that this and every later server serves it. */
import { html, useState } from "../lib/html.js";
import { postDocument } from "../lib/api.js";
import { refreshBoard } from "../lib/board.js";
import { closeDialog } from "../lib/dialogs.js";
import { Dialog } from "../parts/dialog.js";
import { ErrorNotice } from "../parts/notice.js";

export function AddWorkspaceDialog() {
  const [path, setPath] = useState("");
  const [state, setState] = useState({ isBusy: false, error: null });
  const submit = async (event) => {
    event.preventDefault();
    setState({ isBusy: true, error: null });
    try {
      await postDocument("/workspaces", { path: path.trim() });
      refreshBoard();
      closeDialog();
    } catch (error) {
      setState({ isBusy: false, error });
    }
  };
  return html`<${Dialog} title="Add a workspace" isBusy=${state.isBusy}>
    <form onSubmit=${submit} class="stack">
      <label class="field"><span>Folder</span><input type="text" autofocus required value=${path} onInput=${(event) => setPath(event.currentTarget.value)} placeholder="/home/me/project" autocomplete="off" spellcheck="false" /><small class="soft">The absolute path of a project folder on this machine. It is registered and shown here; nothing in it changes.</small></label>
      ${state.error ? html`<div role="alert"><${ErrorNotice} error=${state.error} /></div>` : null}
      <footer class="dialog-foot">
        <button type="button" disabled=${state.isBusy} onClick=${closeDialog}>Close</button>
        <button type="submit" class="primary" disabled=${state.isBusy || !path.trim()}>${state.isBusy ? "Adding…" : "Add workspace"}</button>
      </footer>
    </form>
  <//>`;
}
