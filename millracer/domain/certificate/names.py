"""The fixed names of certificates: types, and the variable with a signing key."""

from __future__ import annotations

from typing import Final

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
PREDICATE_TYPE: Final = "urn:millracer:completion:v1"
BUILD_TYPE: Final = "urn:millracer:delegation:v1"
TEST_RESULT_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"
#: The name of the subject: the files of the workspace.
SUBJECT_NAME: Final = "worktree"

#: Holds a signing key in PEM; never passed on to a child process.
SIGNING_KEY_VARIABLE: Final = "MILLRACER_SIGNING_KEY"
