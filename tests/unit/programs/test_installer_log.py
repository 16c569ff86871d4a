"""The most informative line of an installer's output and the next step."""

from __future__ import annotations

import pytest

from millracer.programs.installer_log import diagnose

_NO_NETWORK = """\
Looking in indexes: https://index.example/simple
WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)': /x/
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(last)': /x/
ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)
ERROR: No matching distribution found for x==1
"""
_NO_INDEX = """\
WARNING: The repository located at index.example is not a trusted or secure host
ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)
ERROR: No matching distribution found for x==1
"""
_NPM_REFUSED = """\
npm error code ECONNREFUSED
npm error FetchError: request to http://index.example/x failed, reason: connect ECONNREFUSED
npm error   errno: 'ECONNREFUSED',
"""
_NPM_OFFLINE = """\
npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error network request to https://index.example/x failed, reason: getaddrinfo ENOTFOUND
npm error network This is a problem related to network connectivity.
npm error A complete log of this run can be found in: /home/x/.npm/_logs/1.log
"""
_DISK = "  writing\nERROR: Could not install packages due to an OSError: [Errno 28] No space left\n"
_DEBIAN = """\
The virtual environment was not created successfully because ensurepip is not
available.  On Debian/Ubuntu systems, you need to install the python3-venv
"""
_REFUSED = "npm error code EBADENGINE\nnpm error engine Unsupported engine\nnpm error\n"


@pytest.mark.parametrize(
    ("output", "line", "action"),
    [
        (_NO_NETWORK, "NewConnectionError(last)", "network"),
        (_NO_INDEX, "Could not find a version", "Python"),
        (_NPM_REFUSED, "reason: connect ECONNREFUSED", "network"),
        (_NPM_OFFLINE, "npm error network request to", "network"),
        (_DISK, "[Errno 28] No space left", "disk"),
        (_DEBIAN, "because ensurepip is not", "apt install python3-venv"),
        ("x\nerror: externally managed\nbye", "error: externally managed", "log"),
        (_REFUSED, "npm error engine Unsupported engine", "log"),
        ("OSError: [Errno 13] Permission denied: '/x'", "Permission denied", "folder"),
        ("SSLError(SSLCertVerificationError)", "SSLError", "certificates"),
        ("only words\n\n", "only words", "log"),
        (" \n", "", "log"),
        ("error: " + "x" * 5000, "error: xxx", "log"),
    ],
    ids=str,
)
def test_the_most_informative_line_is_found(output: str, line: str, action: str) -> None:
    shown, next_step = diagnose(output)

    assert line in shown
    assert action in next_step
    assert len(shown) <= 400
    assert "\n" not in shown
