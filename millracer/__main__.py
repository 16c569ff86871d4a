"""`python -m millracer`."""

from millracer.interfaces.entry import main

if __name__ == "__main__":
    main()
