"""`python -m millracer`."""

from millracer.cli.main import main

if __name__ == "__main__":
    main()
