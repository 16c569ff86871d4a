"""Work done in other processes that begin as a copy of this one: many, at once, and cheap to kill.

The child shares no connection with the test: close every store before starting one.
"""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

T = TypeVar("T")

#: The conventional user and group that own nothing.
UNPRIVILEGED = 65534


@dataclass(slots=True)
class Child:
    """A running copy of the test; its writes come out of `output`."""

    pid: int
    output: BinaryIO
    status: int | None = None

    def wait(self) -> int:
        """Return the exit code, negative for the signal that ended it."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def kill(self) -> None:
        """End it at once, wherever it is."""
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()


@contextmanager
def started(work: Callable[[BinaryIO], None]) -> Iterator[Child]:
    """Run the work in a child, which ends with the context; it writes to what it is given."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 1
        try:
            with os.fdopen(writing, "wb", buffering=0) as output:
                work(output)
            code = 0
        except BaseException:  # noqa: BLE001 - the child must not return into the test
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as output:
        child = Child(pid, output)
        try:
            yield child
        finally:
            child.kill()


def together(works: Sequence[Callable[[], None]]) -> list[int]:
    """Run each work in a child, all let go at the same moment; return their exit codes."""
    gate_reading, gate_writing = os.pipe()

    def waiting(work: Callable[[], None]) -> Callable[[BinaryIO], None]:
        def wait_and_work(_: BinaryIO) -> None:
            os.close(gate_writing)
            os.read(gate_reading, 1)
            work()

        return wait_and_work

    with ExitStack() as stack:
        try:
            children = [stack.enter_context(started(waiting(work))) for work in works]
        finally:
            os.close(gate_writing)
            os.close(gate_reading)
        return [child.wait() for child in children]


def without_privileges(work: Callable[[], T]) -> T:
    """Do the work in a child that no permission is waived for; return or raise what it does."""

    def give_up_and_work(output: BinaryIO) -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(UNPRIVILEGED)
            os.setuid(UNPRIVILEGED)
        try:
            answer: tuple[bool, object] = (True, work())
        except Exception as error:  # noqa: BLE001 - raised again where the test is
            answer = (False, error)
        output.write(pickle.dumps(answer))

    with started(give_up_and_work) as child:
        returned, value = pickle.loads(child.output.read())  # noqa: S301 - written by this test
        if not returned:
            raise value
        return value
