"""Where the user's folders lie: where a variable says, else as the platform has it. Makes none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path


def data_folder(environment: Mapping[str, str], variable: str) -> Path | None:
    """Return the user's data folder, absolute; it need not exist. None without a home.

    Args:
        environment: a folder that `variable` names in it goes before the platform's.
        variable: its name.
    """
    return _folder(environment.get(variable, ""), _data_of_platform)


def config_folder(environment: Mapping[str, str], variable: str) -> Path | None:
    """Return the user's configuration folder, as `data_folder` does."""
    return _folder(environment.get(variable, ""), _config_of_platform)


def _folder(named: str, of_platform: Callable[[], Path]) -> Path | None:
    try:
        return Path(named).expanduser().absolute() if named else of_platform()
    except (OSError, RuntimeError):  # no HOME nor user entry; our own directory is gone
        return None


def _data_of_platform() -> Path:
    import platformdirs  # noqa: PLC0415 - a folder that is named is not looked for

    return platformdirs.user_data_path("millracer", appauthor=False)


def _config_of_platform() -> Path:
    import platformdirs  # noqa: PLC0415 - the same

    return platformdirs.user_config_path("millracer", appauthor=False)
