"""A `millrace` with scripted answers, which records how it was called.

Its script is the JSON file named by FAKE_MILLRACE, a list of answers. The first one whose `argv` is
the beginning of the call's arguments is given; one with `once` is struck from the list. An answer
may move files, so that something happens between two reads of the caller, and may take its time.
"""

import json
import os
import sys
import time
from pathlib import Path


def main() -> int:
    script = Path(os.environ["FAKE_MILLRACE"])
    with script.with_suffix(".log").open("a", encoding="utf-8") as log:
        log.write(json.dumps(sys.argv[1:]) + "\n")
    answers = json.loads(script.read_text(encoding="utf-8"))
    for answer in answers:
        if sys.argv[1 : 1 + len(answer["argv"])] != answer["argv"]:
            continue
        if answer.get("once"):
            answers.remove(answer)
            script.write_text(json.dumps(answers), encoding="utf-8")
        for source, target in answer.get("moves", []):
            Path(source).rename(target)
        time.sleep(answer.get("seconds", 0))
        sys.stdout.write(answer.get("stdout", ""))
        sys.stderr.write(answer.get("stderr", ""))
        return int(answer.get("exit_code", 0))
    sys.stderr.write(f"fake_millrace has no answer to {sys.argv[1:]}\n")
    return 99


if __name__ == "__main__":
    sys.exit(main())
