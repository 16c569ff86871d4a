"""`millracer setup` that makes venvs with another Python: the one that the first argument names."""

from __future__ import annotations

import sys

from millracer.cli.main import main

sys.executable = sys.argv.pop(1)
main()
