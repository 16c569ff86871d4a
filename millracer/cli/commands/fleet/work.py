"""Run a worker until it is stopped."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from millracer.cancellation import Cancellation, CancelReason
from millracer.cli.command import report_failure
from millracer.cli.commands.malloc_tuning import share_one_heap
from millracer.cli.internal_errors import record_bug
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import say, say_errors
from millracer.errors import ExitCode, MillracerError
from millracer.logs import also_emit_lines
from millracer.wiring.preload import load_answers
from millracer.wiring.user_files import log_to_file
from millracer.worker.assembly import WorkerChoice, make_runner, open_worker
from millracer.worker.runner import ItemRunner
from millracer.worker.worker import Worker


def work(common: CommonOptions, choice: WorkerChoice) -> int:
    """Run a worker on the real programs until it is stopped; return the exit code."""
    share_one_heap()
    load_endings()
    load_answers()
    also_emit_lines(logging.INFO, log_to_file())
    try:
        runner = make_runner(common.programs, common.options, certifies=choice.certifies)
        return work_with(runner, choice)
    except MillracerError as error:
        return report_failure(sys.argv[1:], error)
    finally:
        common.programs.close()


def work_with(runner: ItemRunner, choice: WorkerChoice) -> int:
    """Run a worker with a runner until it is stopped; return the exit code.

    If a thread of the engine is left the process ends here: such a thread never ends.
    """
    try:
        with open_worker(choice, runner, say) as worker:
            try:
                return _follow(worker)
            finally:
                if not worker.close():
                    _end_process(sys.exc_info()[1])
    except MillracerError as error:
        return report_failure(sys.argv[1:], error)


def _follow(worker: Worker) -> int:
    cancellation = Cancellation()

    def follow_signal() -> None:
        is_first = cancellation.urgent.reason is None
        if is_first and cancellation.reason is CancelReason.TERMINATED:
            worker.stop()
        else:
            worker.interrupt()

    with signals_cancel(cancellation, then=follow_signal):
        if cancellation.reason is None:
            worker.work()
    return ExitCode.COMPLETED


def _end_process(error: BaseException | None) -> NoReturn:
    code: int = ExitCode.COMPLETED
    if isinstance(error, MillracerError):
        code = report_failure(sys.argv[1:], error)
    elif error is not None:
        say_errors((record_bug(error),))
        code = ExitCode.INTERNAL_ERROR
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)
