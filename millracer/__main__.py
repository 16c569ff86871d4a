"""`python -m millracer`."""

from millracer.interfaces.cli import main

if __name__ == "__main__":
    main()
