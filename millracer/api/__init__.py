"""The Python library: the functions and the client that `from millracer import …` offers.

It runs the code of the commands, but handles no signals and prints nothing. All of it is
thread-safe, and calls may run concurrently. See docs/api.md.
"""
