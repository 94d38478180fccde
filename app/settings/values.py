"""What sections of the configuration are made of: durations, names, secrets by reference."""

import difflib
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.domain.origins import ASKING
from app.domain.times import parse_duration
from app.settings.references import has_reference, resolve

Duration = Annotated[int, BeforeValidator(parse_duration)]
"""Nanoseconds; written as `500ms`, `10s`, `1h`."""


FOREVER = "forever"


def _kept(text: object) -> int | None:
    span = None if text == FOREVER else parse_duration(str(text))
    if span == 0:
        raise ValueError("what is not kept at all can't be asked for; to store none of it, say ignore: of its origin")
    return span


Kept = Annotated[int | None, BeforeValidator(_kept)]
"""Nanoseconds, written as a Duration; None: `forever`."""


def resolved(text: object, info: ValidationInfo) -> object:
    folder = (info.context or {}).get("folder", Path())
    return resolve(text, folder) if isinstance(text, str) and folder is not None else text


def reference(text: object) -> object:
    """`text` if it refers to a secret and isn't one. Raises ValueError."""
    if isinstance(text, str) and not has_reference(text):
        raise ValueError("write secrets by reference: ${env:NAME} or ${file:PATH}")
    return text


def _by_reference(text: object, info: ValidationInfo) -> object:
    return resolved(reference(text), info)


def _one_or_two(given: object, info: ValidationInfo) -> object:
    several = given if isinstance(given, list | tuple) else [given]
    if not 1 <= len(several) <= 2 or not all(isinstance(one, str) for one in several):
        raise ValueError("give one secret, or a list of two while it is changed")
    return tuple(_by_reference(one, info) for one in several)


def is_known(info: ValidationInfo) -> bool:
    """Whether secrets are at hand, and no references (commands that only look need none)."""
    return (info.context or {}).get("folder", Path()) is not None


def _beside(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder", Path())
    return path if folder is None else folder / path


def check_name(text: str) -> str:
    """`text` if it may name an origin, trigger, channel or rule. Raises ValueError that says what may."""
    if not text or not all(letter.isalnum() or letter in "-_." for letter in text) or len(text) > 63:
        raise ValueError("a name has letters, digits, '-', '_' and '.', at most 63 of them")
    return text


def check_origin(text: str) -> str:
    """`text` if an origin may be called so. Raises ValueError."""
    if text == ASKING:
        raise ValueError(f"{ASKING!r} is the origin of what Tagtrail learns by asking; choose another name")
    return check_name(text)


Resolved = Annotated[str, BeforeValidator(resolved)]
Secret = Annotated[SecretStr, BeforeValidator(_by_reference)]
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_one_or_two)]
"""One, or two while a sender changes from one to the other; the first is the one to use from now on."""
SecretText = Annotated[SecretStr, BeforeValidator(resolved)]
SecretUrl = SecretText
Text = Annotated[str, Field(coerce_numbers_to_str=True)]
FilePath = Annotated[Path, AfterValidator(_beside)]
"""Sought beside the configuration."""
Name = Annotated[str, AfterValidator(check_name)]
ContentType = Annotated[str, Field(pattern=r"^[!-~]+/[ -~]+$")]


class Section(BaseModel):
    """A part of the configuration: immutable, and it knows what people may have meant."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in data:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise PydanticCustomError("unknown_key", "unknown key '{key}'; {hint}", {"key": str(key), "hint": hint})
        return data
