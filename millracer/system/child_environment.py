"""Build the environment of a child process: the caller's, without git's repository variables.

The key that signs certificates is removed as well: no agent and no check may have it.

Git passes a hook's repository in environment variables, and git reads these variables before the
working directory. A run that starts in a hook works on another repository: its own workspace.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from millracer.domain.certificate.names import SIGNING_KEY_VARIABLE

#: The variables that `git rev-parse --local-env-vars` lists in older and newer versions, except
#: GIT_CONFIG_PARAMETERS and GIT_CONFIG_COUNT: these hold settings (`git -c user.name=…`), which
#: cannot select a repository, as git reads `core.worktree` from the repository's own file only.
GIT_LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
#: Git also sets these for one repository and does not list them. With the first, which git sets in
#: a pre-receive hook, git refuses to write any branch; the second renames all branches.
_GIT_SERVER_VARIABLES = frozenset({"GIT_QUARANTINE_PATH", "GIT_NAMESPACE"})
_REMOVED = GIT_LOCAL_VARIABLES | _GIT_SERVER_VARIABLES | {SIGNING_KEY_VARIABLE}


def child_environment(environment: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment for a child process.

    Args:
        environment: the whole environment chosen for it; None for that of this process.
    """
    chosen = os.environ if environment is None else environment
    return {name: value for name, value in chosen.items() if name not in _REMOVED}
