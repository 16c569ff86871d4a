import sys

from millracer.cancellation import Cancellation, Wait
from millracer.redaction import process
from millracer.redaction.process import redact, redacted_stream
from millracer.redaction.rules import MARK
from millracer.system.process_table import TOKEN_VARIABLE
from millracer.system.processes import Command, new_token, run


def test_a_token_of_millracer_is_secret_from_its_making() -> None:
    token = new_token()

    assert redact(f"a {token} b") == f"a {MARK} b"


def test_a_process_that_lives_long_does_not_gather_the_tokens_of_its_tools() -> None:
    def start() -> object:
        env = {"TOOLS_API_KEY": "always-the-same", TOKEN_VARIABLE: new_token()}
        command = Command(tool="millrace", argv=(sys.executable, "-c", ""), env=env)
        run(command, Wait.for_seconds(60, Cancellation()))
        redact("something")
        return process._redaction

    assert start() is start()


def test_what_a_tool_is_handed_is_secret_once_it_is_started() -> None:
    value = "handed-to-a-tool-only"
    command = Command(
        tool="millrace", argv=(sys.executable, "-c", ""), env={"TOOLS_API_KEY": value}
    )
    before = redact(value)
    run(command, Wait.for_seconds(60, Cancellation()))

    assert (before, redact(value)) == (value, MARK)
    assert redacted_stream().feed(f"{value} ,") == f"{MARK} ,"
