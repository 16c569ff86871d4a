/** Keyboard commands. Keys in a field, in a dialog or with a modifier are left alone. */
import { dialogs, openDialog } from "./dialogs.js";

const FIELDS = "input, textarea, select, [contenteditable]";

/** Listen for keys; `actions` returns what a view adds: `{key: function}`. */
export function listenForKeys(actions) {
  const pressed = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (dialogs.get() !== null || event.target.closest?.(FIELDS)) return;
    const action = { j: () => moveFocus(1), k: () => moveFocus(-1), "?": () => openDialog({ name: "help" }), ...actions() }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener("keydown", pressed);
  return () => removeEventListener("keydown", pressed);
}

/** Move the focus to the next or previous item of the view. */
function moveFocus(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

/** Open and show a section of the page, and move the focus to its heading. */
export function goToSection(id) {
  const section = document.getElementById(id);
  if (!section) return;
  if (section instanceof HTMLDetailsElement) section.open = true;
  section.scrollIntoView({ block: "start" });
  (section.querySelector(":scope > summary") ?? section).focus({ preventScroll: true });
}
