"""A `millrace` of a good version whose every command fails and prints all keys it knows."""

import os
import sys

SAID = f"one {os.environ['LEAKED_API_KEY']} two {os.environ['LEAKED_SHAPE']} three"

if "--version" in sys.argv:
    sys.stdout.write("millrace 0.21.1\n")
    sys.exit(0)
sys.stdout.write(f"error: {SAID}\n")
sys.stderr.write(f"Traceback (most recent call last):\n  {SAID}\nValueError: {SAID}\n")
sys.exit(1)
