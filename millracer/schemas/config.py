"""The JSON of `millracer config show --json`: each common option's value and its origin."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer.domain.configuration import ValueOrigin
from millracer.errors import MillracerError
from millracer.schemas.base import Published


class ConfigFileDocument(Published):
    """A configuration file; one that does not exist sets nothing.

    Attributes:
        path: its absolute path.
        exists: whether the file exists.
    """

    path: str
    exists: bool


class ConfigValueDocument(Published):
    """The value of an option for a run in this workspace.

    Attributes:
        name: the option's name, as in a configuration file.
        value: its value; null if it has none. A check is one text, quoted as for a shell.
        origin: the kind of place that the value comes from.
        variable: the environment variable that sets the option.
    """

    name: str
    value: bool | int | float | str | list[str] | None
    origin: ValueOrigin
    variable: str


class ConfigErrorDocument(Published):
    """Why there are no values.

    Attributes:
        code: identifies the error; docs/troubleshooting.md lists the codes.
        message: the error as a sentence.
        suggested_action: the next step; null if there is none.
    """

    code: str
    message: str
    suggested_action: str | None


class ConfigResult(Published):
    """The one document of `millracer config show --json`, of an error too.

    Attributes:
        schema_version: the format of this document.
        workspace: the absolute path of the workspace.
        user_file: the user's own configuration file.
        workspace_file: the workspace's configuration file.
        values: each option with its value and origin.
        errors: why there are no values; empty on success.
    """

    schema_version: Literal["millracer.config.v1"] = "millracer.config.v1"
    workspace: str | None = None
    user_file: ConfigFileDocument | None = None
    workspace_file: ConfigFileDocument | None = None
    values: list[ConfigValueDocument] = Field(default_factory=list)
    errors: list[ConfigErrorDocument] = Field(default_factory=list)


def describe_failure(error: MillracerError, _command: str | None = None) -> ConfigResult:
    """Return the document of an error."""
    return ConfigResult(errors=[ConfigErrorDocument.of(error)])
