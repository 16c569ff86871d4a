/** A unified diff as files with hunks. */

/** Return `[{path, lines: [{kind, text, before, after}]}]`; kind is `hunk`, `add`, `del`, `same` or `note`. */
export function parsePatch(patch) {
  const files = [];
  let file = null;
  let before = 0;
  let after = 0;
  let inHunk = false;
  for (const line of patch.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("diff --git ")) {
      file = { path: pathOf(line), lines: [] };
      files.push(file);
      inHunk = false;
    } else if (!file) {
      continue;
    } else if (line.startsWith("@@")) {
      const match = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
      before = Number(match?.[1] ?? 0);
      after = Number(match?.[2] ?? 0);
      inHunk = true;
      file.lines.push({ kind: "hunk", text: line });
    } else if (!inHunk) {
      if (line.startsWith("+++ b/")) file.path = line.slice(6).replace(/\t$/, "");
      else if (line.startsWith("--- a/")) file.path = line.slice(6).replace(/\t$/, "");
      else if (/^(Binary files|rename |new file|deleted file|old mode|new mode)/.test(line)) file.lines.push({ kind: "note", text: line });
    } else if (line[0] === "+") {
      file.lines.push({ kind: "add", text: line.slice(1), after: after++ });
    } else if (line[0] === "-") {
      file.lines.push({ kind: "del", text: line.slice(1), before: before++ });
    } else if (line[0] === " " || line === "") {
      file.lines.push({ kind: "same", text: line.slice(1), before: before++, after: after++ });
    } else if (line[0] === "\\") {
      file.lines.push({ kind: "note", text: line.slice(2) });
    }
  }
  return files;
}

/** The path after ` b/` of a `diff --git` line, which has both paths, equal unless renamed. */
function pathOf(line) {
  const names = line.slice("diff --git ".length);
  const middle = names.indexOf(" b/");
  return middle < 0 ? names : names.slice(middle + 3);
}
