"""A `millrace` of a good version whose status is whatever HOSTILE_STATUS names."""

import json
import os
import sys

from idle_status import idle_status

ASKED = sys.argv[sys.argv.index("--workspace") + 1] if "--workspace" in sys.argv else ""
GOOD = idle_status(ASKED)
TEXT = json.dumps(GOOD)


def with_more(text: str) -> bytes:
    return f'{TEXT[:-1]}, "more": {text}}}'.encode()


ANSWERS = {
    "good": TEXT.encode(),
    "nothing": b"",
    "truncated": TEXT[: len(TEXT) // 2].encode(),
    "a list": b"[1, 2, 3]",
    "a text": b'"completed"',
    "words": b"all is well, and done\n",
    "no UTF-8": b"\xff\xfe" + TEXT.encode("utf-16-le"),
    "wrong types": json.dumps({**GOOD, "active_run_count": [], "paused": {}}).encode(),
    "text for number": json.dumps({**GOOD, "active_run_count": "many"}).encode(),
    "nulls": json.dumps(dict.fromkeys(GOOD)).encode(),
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep within": with_more("[" * 100_000 + "]" * 100_000),
    "huge number": json.dumps({**GOOD, "active_run_count": 10**5000}).encode()
    if hasattr(sys, "set_int_max_str_digits") and not sys.set_int_max_str_digits(0)
    else b"",
    "huge number within": with_more("9" * 5000),
    "huge float within": with_more("1e999"),
    "NaN": json.dumps({**GOOD, "active_run_count": float("nan")}).encode(),
    "NaN within": with_more("NaN"),
    "infinity within": with_more("-Infinity"),
    "same key twice": f'{TEXT[:-1]}, "paused": true}}'.encode(),
    "surrogate": with_more('"\\ud800"'),
    "escape codes": with_more('"\\u001b[2J\\u001b]0;title\\u0007"'),
    "of another": json.dumps({**GOOD, "workspace": "/"}).encode(),
    "of none": json.dumps({**GOOD, "workspace": ""}).encode(),
    "of a lookalike": json.dumps({**GOOD, "workspace": f"{ASKED}/../x/."}).encode(),
    "of no path": json.dumps({**GOOD, "workspace": f"{ASKED}\0"}).encode(),
    "of the same, spelled otherwise": json.dumps({**GOOD, "workspace": f"{ASKED}/."}).encode(),
    "of another schema": json.dumps(
        {"run_id": "run-1", "status": "complete", "nodes": []}
    ).encode(),
    "two documents": f"{TEXT}\n{TEXT}".encode(),
    "ten megabytes": with_more(json.dumps("x" * 10_000_000)),
}

if "--version" in sys.argv:
    sys.stdout.write("millrace 0.21.1\n")
    sys.exit(0)
sys.stdout.buffer.write(ANSWERS[os.environ["HOSTILE_STATUS"]])
