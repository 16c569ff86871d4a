"""Help texts whose options are listed in groups."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperCommand


class GroupedCommand(TyperCommand):
    """A command that lists its options by their groups, the ungrouped ones last.

    Attributes:
        examples: command lines that the help shows below the description.
    """

    examples: tuple[str, ...] = ()

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the description and the examples."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and each group of options as a section of its own."""
        parameters = self.get_params(ctx)
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in parameters:
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(
                    _section_of(parameter, in_groups=len(parameters) > _FEW), []
                ).append(record)
        rest = sections.pop(_OPTIONS, None)
        if rest is not None:
            sections[_OPTIONS if len(sections) == int(_ARGUMENTS in sections) else _OTHER] = rest
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


_ARGUMENTS = "Arguments"
_OPTIONS = "Options"
_OTHER = "Other options"
#: So many parameters are read faster without groups.
_FEW = 12


def _section_of(parameter: Any, *, in_groups: bool) -> str:
    if isinstance(parameter, TyperArgument):
        return _ARGUMENTS
    panel = getattr(parameter, "rich_help_panel", None)
    return _OPTIONS if panel is None or not in_groups else f"{panel} options"
