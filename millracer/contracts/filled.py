"""What a JSON Schema says of a text that must not be blank."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

#: Unicode's white space as a character class, since readers of schemas differ about `\s`.
WHITE_SPACE: Final = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

#: Stands beside a field's own rule for blank texts, which a schema cannot say as it is.
FilledInSchema: Final[Any] = Field(json_schema_extra={"pattern": f"[^{WHITE_SPACE}]"})
