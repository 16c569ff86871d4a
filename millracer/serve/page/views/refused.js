/** The page of a tab without a valid token. */
import { html } from "../lib/html.js";
import { useTitle } from "../lib/use-title.js";
import { Command } from "../parts/copy.js";

export function Refused() {
  useTitle("No access");
  return html`<main class="gate" id="main">
    <h1>Open the link that <code>millracer serve</code> printed</h1>
    <p>This tab has no valid access token. The link carries one, and a server that is started again prints a new link. To print it once more:</p>
    <${Command} command="millracer serve --link" />
    <p class="soft">Paste the link into this tab, and you return to where you were.</p>
  </main>`;
}
