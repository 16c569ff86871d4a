/** Text to copy: a command or an id, with a button. */
import { html, useEffect, useState } from "../lib/html.js";
import { Icon } from "./icons.js";

export function CopyButton({ text, label = "Copy" }) {
  const [state, setState] = useState("ready");
  useEffect(() => {
    if (state === "ready") return undefined;
    const timer = setTimeout(() => setState("ready"), 1600);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
    } catch {
      setState("failed");
    }
  };
  const word = { ready: label, copied: "Copied", failed: "Select it and copy" }[state];
  return html`<button type="button" class="quiet small" onClick=${copy} aria-label=${`${word}: ${text}`} title=${word}>
    <${Icon} name=${state === "copied" ? "check" : "copy"} />${state === "failed" ? html`<span>${word}</span>` : null}
  </button>`;
}

/** A shell command with its copy button. */
export function Command({ command }) {
  return html`<div class="command"><code>${command.split(" ").map((word, at) => html`${at ? " " : ""}<span key=${at}>${word}</span>`)}</code><${CopyButton} text=${command} label="Copy the command" /></div>`;
}

/** Next steps: what each does, and its command. */
export function NextSteps({ steps }) {
  if (!steps?.length) return null;
  return html`<ul class="steps plain">
    ${steps.map((step) => html`<li key=${step.command}><span class="soft">to ${step.action}</span><${Command} command=${step.command} /></li>`)}
  </ul>`;
}
