/** A modal dialog. Esc and the close button close it, unless it is busy. */
import { html, useLayoutEffect, useRef } from "../lib/html.js";
import { closeDialog } from "../lib/dialogs.js";
import { Icon } from "./icons.js";

export function Dialog({ title, children, isBusy = false, isWide = false }) {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    const element = dialog.current;
    element.showModal();
    // Closing gives the focus back to where it was before.
    return () => element.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!isBusy) closeDialog();
  };
  const clicked = (event) => {
    if (event.target === dialog.current && !isBusy) closeDialog();
  };
  return html`<dialog ref=${dialog} class=${isWide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${cancel} onMouseDown=${clicked}>
    <div class="dialog">
      <header class="dialog-head">
        <h2 id="dialog-title">${title}</h2>
        <button type="button" class="quiet" aria-label="Close" disabled=${isBusy} onClick=${closeDialog}><${Icon} name="close" /></button>
      </header>
      ${children}
    </div>
  </dialog>`;
}
