"""Writes long events to an event log until it is killed: FOLDER ITEM COUNT."""

import signal
import sys
from pathlib import Path

from millracer.event_log.logs import FileEventLogs
from tests.support.event_logs import news

folder, item_id, count = sys.argv[1:]
writer = FileEventLogs(Path(folder)).write(item_id)
if writer is None:
    sys.exit(3)
for number in range(int(count)):
    writer.append(news("long " * 5_000, number=number))
    if number == 0:
        sys.stdout.write("written\n")
        sys.stdout.flush()
signal.pause()
