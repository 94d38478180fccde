"""JMESPath expressions, checked when the configuration is read rather than when the first event comes."""

from collections.abc import Mapping
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import AfterValidator


def check_expression(text: str) -> str:
    """`text` if it is a JMESPath expression whose functions exist. Raises ValueError that says what is wrong."""
    shown = repr(text[:100])
    try:
        called = _functions(jmespath.compile(text).parsed)
    except JMESPathError as error:
        raise ValueError(f"{shown} is no JMESPath expression{_where(error)}") from None
    except RecursionError:
        raise ValueError(f"{shown} is nested too deep") from None
    for name in called:
        if name not in Functions.FUNCTION_TABLE:
            raise ValueError(f"{shown} calls {name}(), which JMESPath doesn't have")
    return text


Expression = Annotated[str, AfterValidator(check_expression)]


def _where(error: JMESPathError) -> str:
    at = getattr(error, "lex_position", getattr(error, "lexer_position", None))
    return "" if at is None else f": it breaks at character {at}"


def _functions(node: Mapping[str, Any]) -> list[str]:
    own = [node["value"]] if node["type"] == "function_expression" else []
    return own + [name for child in node["children"] if isinstance(child, dict) for name in _functions(child)]
