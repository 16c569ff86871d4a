"""A pi that talks and says nothing, as HOSTILE_PI has it: `garbage`, `endless`, `deep`, `one-line`,
`ends`, or not even that: `nothing`.

All but `garbage`, `ends` and `nothing` continue until they are ended.
"""

import json
import os
import sys
import time

OUT = sys.stdout.buffer
GARBAGE = b"\x00\xff{]}\x1b[2J not json \xf0\x9f\x98\n"
DEEP = b'{"type":"message_end","message":' + b"[" * 100_000 + b"\n"

if "--version" in sys.argv:
    OUT.write(b"0.73.1\n")
    sys.exit(0)
how = os.environ["HOSTILE_PI"]
if how == "nothing":
    sys.exit(0)
if how == "ends":
    OUT.write(GARBAGE)
    sys.exit(0)
if how == "garbage":
    OUT.write(GARBAGE * 1000)
    OUT.flush()
    time.sleep(600)
piece = {"endless": GARBAGE * 1000, "deep": DEEP, "one-line": b"x" * 100_000}[how]
while True:
    OUT.write(piece)
    sys.stderr.write(json.dumps("noise" * 1000) + "\n")
