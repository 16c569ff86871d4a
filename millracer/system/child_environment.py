"""The environment of the programs that we start: the caller's, without the repository it names.

Git tells its hooks in variables which repository they run for, and git obeys these variables before
it looks at the working directory. A run that starts in a hook works on another repository: its own
workspace.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

#: What `git rev-parse --local-env-vars` lists, older and newer versions together, but for
#: GIT_CONFIG_PARAMETERS and GIT_CONFIG_COUNT: these hold settings (`git -c user.name=…`), which
#: name no repository, as git reads `core.worktree` from the repository's own file only.
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
#: Git sets these for one repository, too, and does not list them: with the first, which a hook
#: before a push is accepted has, it refuses to write any branch; the second renames all branches.
_GIT_SERVER_VARIABLES = frozenset({"GIT_QUARANTINE_PATH", "GIT_NAMESPACE"})
_REMOVED = GIT_LOCAL_VARIABLES | _GIT_SERVER_VARIABLES


def child_environment(environment: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment to start a program with.

    Args:
        environment: the whole environment that was chosen for it; None is ours.
    """
    chosen = os.environ if environment is None else environment
    return {name: value for name, value in chosen.items() if name not in _REMOVED}
