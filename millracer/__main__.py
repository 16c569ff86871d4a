"""The `millracer` program, also as `python -m millracer`."""

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with the code of the outcome."""
    gc.disable()  # until the command begins: loaded modules stay in memory
    from millracer.cli.main import main as run  # noqa: PLC0415 - without collections meanwhile

    run()


if __name__ == "__main__":
    main()
