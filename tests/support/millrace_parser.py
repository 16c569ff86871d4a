"""Millrace's own reading of documents, asked line by line; run by Millrace's interpreter.

Each line of stdin is a JSON object with `op` and `text`; each line of stdout its answer:
`fields` (any document, below the typed models), `task` and `probe` (a whole document, and what
Millrace would store for it), `idea` (title and summary). A refusal is `{"refused": "why"}`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from millrace_ai.contracts import ProbeDocument, TaskDocument
from millrace_ai.runtime.watcher_intake import derive_idea_title_summary
from millrace_ai.workspace import work_documents

MODELS = {"task": TaskDocument, "probe": ProbeDocument}


def answer(op: str, text: str) -> dict[str, Any]:
    """Let Millrace read one text."""
    if op == "idea":
        title, summary = derive_idea_title_summary(text, fallback="idea-stem")
        return {"title": title, "summary": summary}
    try:
        if op == "fields":
            heading, fields = work_documents._parse_markdown_fields(text, path=None)
            return {"heading": heading, "fields": fields}
        document = work_documents.parse_work_document_as(text, model=MODELS[op])
    except ValueError as exc:
        return {"refused": str(exc)}
    return {
        "fields": document.model_dump(mode="json"),
        "stored": work_documents.render_work_document(document),
    }


def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(answer(request["op"], request["text"])) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
