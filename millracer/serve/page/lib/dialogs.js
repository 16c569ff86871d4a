/** Which dialog is open: one at a time for the whole page. */
import { createStore } from "./store.js";

export const dialogs = createStore(null);

/** Open a dialog: `{name: "submit" | "control" | "help" | "add-workspace", ...}`. */
export function openDialog(dialog) {
  dialogs.set(dialog);
}

export function closeDialog() {
  dialogs.set(null);
}
