"""Which of the token's carriers is the daemon."""

from __future__ import annotations

from millracer.millrace.daemon.ownership import Carrier, choose_daemon, is_daemon_command

_DAEMON = ("python3", "/opt/millrace", "run", "daemon", "--mode", "default_pi")
_RUNNER = ("node", "/opt/pi", "--mode", "rpc")


def _carrier(pid: int, started: float, argv: tuple[str, ...]) -> Carrier:
    return Carrier(pid=pid, started=started, argv=argv)


def test_the_carrier_that_millraces_lock_names_is_the_daemon() -> None:
    carriers = [_carrier(11, 1.0, _RUNNER), _carrier(12, 2.0, _RUNNER)]

    chosen = choose_daemon(carriers, lock_pid=12)

    assert chosen == carriers[1]


def test_without_a_lock_the_command_line_distinguishes_the_daemon_from_its_stage_runner() -> None:
    carriers = [_carrier(11, 1.0, _RUNNER), _carrier(12, 2.0, _DAEMON)]

    chosen = choose_daemon(carriers, lock_pid=None)

    assert chosen == carriers[1]


def test_a_child_that_has_not_executed_its_program_yet_is_not_the_daemon() -> None:
    carriers = [_carrier(11, 5.0, _DAEMON), _carrier(99, 1.0, _DAEMON)]

    chosen = choose_daemon(carriers, lock_pid=None)

    assert chosen == carriers[1]


def test_a_foreign_lock_does_not_make_a_stage_runner_the_daemon() -> None:
    assert choose_daemon([_carrier(11, 1.0, _RUNNER)], lock_pid=4711) is None


def test_only_run_daemon_side_by_side_is_a_daemon_command() -> None:
    assert is_daemon_command(_DAEMON)
    assert not is_daemon_command(("millrace", "daemon", "run"))
    assert not is_daemon_command(("millrace", "run", "once", "daemon"))
    assert not is_daemon_command(())
