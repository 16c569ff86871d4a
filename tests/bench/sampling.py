"""Where a Millracer command spends its time: its main thread is sampled every few milliseconds.

    python -m tests.bench.sampling run --workspace W ... 2> profile.txt

The command runs in this process; the samples come on standard error when it ends. A sample
belongs to the innermost frame of Millracer, or to the import under way; waiting for a child,
a file or a lock is counted apart from work.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from millracer.cli.main import main

_EVERY_SECONDS = 0.002
_REPORTED = 25
_PACKAGE = f"{Path(__file__).parents[2] / 'millracer'}/"
_WAITING = frozenset({"select.py", "selectors.py", "subprocess.py", "threading.py", "queue.py"})


class Sampler:
    """Samples one thread until the process ends."""

    def __init__(self) -> None:
        self._thread_id = threading.get_ident()
        self._seen: Counter[str] = Counter()
        self._began = time.process_time()

    def start(self) -> None:
        """Begin to sample."""
        threading.Thread(target=self._watch, daemon=True).start()
        atexit.register(self._report)

    def _watch(self) -> None:
        while True:
            time.sleep(_EVERY_SECONDS)
            frame = sys._current_frames().get(self._thread_id)
            if frame is not None:
                self._seen[_place(frame)] += 1

    def _report(self) -> None:
        samples = self._seen.copy()
        total = sum(samples.values()) or 1
        used = time.process_time() - self._began
        sys.stderr.write(f"{total} samples, {used:.2f} s of CPU\n")
        for place, count in samples.most_common(_REPORTED):
            sys.stderr.write(f"{count / total:6.1%}  {place}\n")


def _place(frame: FrameType) -> str:
    kind = "waits" if Path(frame.f_code.co_filename).name in _WAITING else "works"
    importing = False
    at: FrameType | None = frame
    while at is not None:
        file = at.f_code.co_filename
        importing = importing or file == "<frozen importlib._bootstrap>"
        if file.startswith(_PACKAGE):
            what = "imports" if importing else kind
            return f"{what:7} {file.removeprefix(_PACKAGE)}:{at.f_code.co_name}"
        at = at.f_back
    return f"{kind:7} {frame.f_code.co_filename}:{frame.f_code.co_name}"


if __name__ == "__main__":
    Sampler().start()
    main()
