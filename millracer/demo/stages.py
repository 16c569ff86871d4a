"""What the scripted model says in the demonstration: to our own turns and to Millrace's stages.

The model reads its part from the prompt and answers with tool calls that pi carries out, so the
files of the demonstration's project are really edited and its test is really run. A stage for which
no part is written answers that it is blocked; it never claims success.
"""

from __future__ import annotations

import json
import re
import shlex
import sys

from millracer.application.prompts import DECISION_MARK, DIRECT_MARK, REPORT_MARK
from millracer.demo.project import CHANGELOG_LINE, CHANGELOG_NAME, MENDED_SOURCE, SOURCE_NAME
from millracer.demo.scripted_model import ModelRequest, Reply

_STAGE = re.compile(r"^Stage: (\w+)$", re.MULTILINE)
_RUN_DIRECTORY = re.compile(r"^Run Directory: (.+)$", re.MULTILINE)

_DECISION = {
    "decision": "millrace",
    "intake_kind": "task",
    "why": "The change is local and fully described, and it deserves an independent check.",
    "mode": None,
    "custom_loop_needed": False,
    "signals": ["one named file", "a named test"],
    "notes": "",
}
_REPORT = (
    "Millrace built, checked and recorded the fix: `discounted` now takes a share of the price, "
    "the project's tests pass, and the changelog names the change."
)


def respond(request: ModelRequest) -> Reply:
    """Answer one request of the demonstration."""
    prompt = request.last_user_text.lstrip()
    if prompt.startswith(DECISION_MARK):
        return Reply.text(json.dumps(_DECISION, indent=1))
    if prompt.startswith(REPORT_MARK):
        return Reply.text(_REPORT)
    stage = None if prompt.startswith(DIRECT_MARK) else _STAGE.search(prompt)
    if stage is None:
        return Reply.text("This model is scripted and knows the demonstration only.")
    part = _PARTS.get(stage[1])
    return Reply.text("### BLOCKED") if part is None else part(request)


def _build(request: ModelRequest) -> Reply:
    match len(request.tool_results):
        case 0:
            return Reply.tool_call("read", {"path": SOURCE_NAME}, text="First I read the function.")
        case 1:
            return Reply.tool_call("write", {"path": SOURCE_NAME, "content": MENDED_SOURCE})
        case 2:
            run_directory = _RUN_DIRECTORY.findall(request.last_user_text)[0]
            summary = f"# Builder\n\nMended `discounted` in {SOURCE_NAME}; nothing else changed.\n"
            return Reply.tool_call(
                "write", {"path": f"{run_directory}/builder_summary.md", "content": summary}
            )
        case _:
            return Reply.text("### BUILDER_COMPLETE")


def _check(request: ModelRequest) -> Reply:
    if not request.tool_results:
        command = f"{shlex.quote(sys.executable)} -m unittest 2>&1"
        return Reply.tool_call("bash", {"command": command}, text="I run the project's tests.")
    passed = re.search(r"^OK$", request.tool_results[-1], re.MULTILINE)
    return Reply.text("### CHECKER_PASS" if passed else "### FIX_NEEDED")


def _update(request: ModelRequest) -> Reply:
    if not request.tool_results:
        line = shlex.quote(f"\n{CHANGELOG_LINE}")
        return Reply.tool_call("bash", {"command": f"printf '%s\\n' {line} >> {CHANGELOG_NAME}"})
    return Reply.text("### UPDATE_COMPLETE")


_PARTS = {"builder": _build, "checker": _check, "updater": _update}
