/** Changed files with their diff, one fold per file. */
import { html, useMemo, useState } from "../lib/html.js";
import { inWorkspace } from "../lib/api.js";
import { parsePatch } from "../lib/diff.js";
import { integer, plural, words } from "../lib/format.js";
import { useDocument } from "../lib/use-document.js";
import { ErrorNotice, Loading } from "./notice.js";

const MOST_LINES = 600;
/** Small changes are shown unfolded. */
const OPEN_FILES = 3;
const OPEN_LINES = 160;

export function Counts({ added, removed }) {
  if (added === null) return html`<span class="soft">binary</span>`;
  return html`<span class="number counts"><span class="added">+${integer(added)}</span> <span class="removed">−${integer(removed)}</span></span>`;
}

export function Changes({ changes, workspace, id, revision }) {
  const path = changes.files.length ? `${inWorkspace(workspace, "items", id, "diff")}` : null;
  const { document, error, isLoading, reload } = useDocument(path);
  const [loadedAt, setLoadedAt] = useState(revision);
  if (loadedAt !== revision) {
    setLoadedAt(revision);
    reload();
  }
  const patches = useMemo(() => new Map(parsePatch(document?.patch ?? "").map((file) => [file.path, file])), [document]);
  if (changes.unknown) return html`<p class="soft">The changes are not known: ${changes.unknown}</p>`;
  if (!changes.files.length) return html`<p class="soft">No file differs from the start of the work.</p>`;
  const isSmall = changes.files.length <= OPEN_FILES && changes.added + changes.removed <= OPEN_LINES;
  return html`
    ${changes.dirty_before ? html`<p class="soft">Some files differed from the last commit before the work began.</p>` : null}
    ${error ? html`<${ErrorNotice} error=${error} retry=${reload} />` : null}
    <div class="files">
      ${changes.files.map((file) => html`<${File} key=${file.path} file=${file} patch=${patches.get(file.path)} isLoading=${isLoading && !document} startsOpen=${isSmall} />`)}
    </div>
    ${changes.not_measured.length ? html`<p class="soft">${plural(changes.not_measured.length, "file")} too large to compare: ${changes.not_measured.join(", ")}</p>` : null}`;
}

const LETTERS = { added: "A", modified: "M", deleted: "D", renamed: "R", type_changed: "T" };

function File({ file, patch, isLoading, startsOpen }) {
  const [isOpen, setIsOpen] = useState(startsOpen);
  return html`<details class="file fold" open=${isOpen} onToggle=${(event) => setIsOpen(event.currentTarget.open)}>
    <summary>
      <span class="letter letter-${file.status}" title=${words(file.status)}><span aria-hidden="true">${LETTERS[file.status]}</span><span class="hidden-text">${words(file.status)}</span></span>
      <span class="file-path">${file.previous_path ? `${file.previous_path} → ` : ""}${file.path}</span>
      <${Counts} added=${file.added} removed=${file.removed} />
    </summary>
    ${isOpen ? (isLoading ? html`<${Loading} rows=${2} text="Loading the diff" />` : html`<${Lines} patch=${patch} />`) : null}
  </details>`;
}

function Lines({ patch }) {
  const [showsAll, setShowsAll] = useState(false);
  if (!patch?.lines.length) return html`<p class="soft file-empty">No text to compare.</p>`;
  const lines = showsAll ? patch.lines : patch.lines.slice(0, MOST_LINES);
  return html`<div class="diff" tabindex="0" role="region" aria-label=${`Diff of ${patch.path}`}>
    <table><tbody>
      ${lines.map((line, at) => html`<tr class="line-${line.kind}" key=${at}>
        <td class="line-number">${line.before}</td>
        <td class="line-number">${line.after}</td>
        <td class="line-sign">${SIGNS[line.kind]}</td>
        <td class="line-text">${line.text}</td>
      </tr>`)}
    </tbody></table>
    ${lines.length < patch.lines.length ? html`<button type="button" class="quiet" onClick=${() => setShowsAll(true)}>Show ${plural(patch.lines.length - lines.length, "more line")}</button>` : null}
  </div>`;
}

const SIGNS = { add: "+", del: "−" };
