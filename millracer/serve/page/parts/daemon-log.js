/** The daemon's log: its last part, following the end while it is open. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { inWorkspace, send } from "../lib/api.js";
import { ErrorNotice } from "./notice.js";

const POLL = 2000;
const LINES = 200;

export function DaemonLog({ workspace }) {
  const [isOpen, setIsOpen] = useState(false);
  return html`<details class="fold daemon-log" id="logs" open=${isOpen} onToggle=${(event) => setIsOpen(event.currentTarget.open)}>
    <summary><h2>Daemon log</h2><kbd aria-hidden="true">l</kbd></summary>
    ${isOpen ? html`<${Text} workspace=${workspace} />` : null}
  </details>`;
}

function Text({ workspace }) {
  const [text, setText] = useState(null);
  const [error, setError] = useState(null);
  const box = useRef(null);
  const follows = useRef(true);
  useEffect(() => {
    const abort = new AbortController();
    let timer = null;
    const load = async () => {
      try {
        if (!document.hidden) {
          const response = await send("GET", inWorkspace(workspace, "log"), { accept: "text/plain", signal: abort.signal });
          setText((await response.text()).trimEnd());
          setError(null);
        }
      } catch (failure) {
        if (failure.name === "AbortError") return;
        setError(failure);
      }
      timer = setTimeout(load, POLL);
    };
    load();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [workspace]);
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  if (error && text === null) return html`<${ErrorNotice} error=${error} />`;
  const scrolled = () => {
    const at = box.current;
    follows.current = at.scrollHeight - at.scrollTop - at.clientHeight < 24;
  };
  return html`<pre class="log" ref=${box} onScroll=${scrolled} tabindex="0" role="region" aria-label="Daemon log">${text === null ? "Loading…" : text.split("\n").slice(-LINES).join("\n") || "The log is empty."}</pre>`;
}
