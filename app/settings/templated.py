"""Settings that are templates: each is compiled when it is read, and tried on made-up changes."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, SecretStr, ValidationInfo

from app.domain.fields import CHANNEL_SAMPLES, ENDED_NAMES, NAMES, SAMPLES, fields
from app.domain.told import Told
from app.settings.references import has_reference
from app.settings.templates import BEGIN, END, RenderError, Template, marked
from app.settings.values import resolved

_CHANNEL_NAMES = (*NAMES, *ENDED_NAMES)
_UNMARKED = str.maketrans("", "", BEGIN + END)


def is_json(content_type: str) -> bool:
    """Whether a body of that type is JSON (RFC 6839 §3.1 for `+json`)."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _text(given: object) -> object:
    """A template of one line, of which no part is secret. Raises ValueError."""
    if not isinstance(given, str):
        return given
    if has_reference(given):
        raise ValueError("secrets don't belong here, what is sent is kept; a header or the url: may hold them")
    template = Template.parse(given, NAMES)
    if any(character < " " for sample in _tried(template, SAMPLES) for character in sample):
        raise ValueError("it makes a line end or a control character")
    return template


def _header(given: object, info: ValidationInfo) -> object:
    """A secret where it refers to one, else a template."""
    if not isinstance(given, str) or not has_reference(given):
        return _text(given)
    value = str(resolved(given, info))
    if not value.isascii() or not value.isprintable():
        raise ValueError("a header has visible ASCII only")
    return SecretStr(value)


def _body(given: object, info: ValidationInfo) -> object:
    return _checked_body(given, info, NAMES, SAMPLES)


def _channel_body(given: object, info: ValidationInfo) -> object:
    return _checked_body(given, info, _CHANNEL_NAMES, CHANNEL_SAMPLES)


def _checked_body(
    given: object, info: ValidationInfo, names: Sequence[str], samples: Sequence[Sequence[Told]]
) -> object:
    if not isinstance(given, str):
        return given
    if has_reference(given):
        raise ValueError("secrets don't belong into a body, it is kept; put them into a header or the url:")
    wants_json = is_json(info.data.get("content_type", ""))
    template = Template.parse(given, names, json=wants_json)
    for sample in _tried(template, samples):
        if wants_json:
            _check_json(sample)
    return template


def _wording(given: object) -> object:
    """A template of the lines of a message, of which no part is secret. Raises ValueError."""
    if not isinstance(given, str):
        return given
    if has_reference(given):
        raise ValueError("secrets don't belong into a message, it is kept")
    if any(character < " " and character != "\n" for character in given):
        raise ValueError("it holds a tab or a control character")
    template = Template.parse(given, _CHANNEL_NAMES, prints=marked)
    if any(not sample.translate(_UNMARKED).strip() for sample in _tried(template, CHANNEL_SAMPLES)):
        raise ValueError("it prints nothing for some changes; a message says something about each")
    return template


def _tried(template: Template, samples: Sequence[Sequence[Told]]) -> list[str]:
    try:
        return [template.render(fields(sample)) for sample in samples]
    except RenderError as error:
        raise ValueError(str(error)) from None


def _check_json(sample: str) -> None:
    try:
        json.loads(sample)
    except ValueError as error:
        raise ValueError(f"what it makes is not JSON: {error}; a sample: {sample[:200]}") from None


def _written(template: Any) -> str:
    return str(template.text)


_Template = Annotated[InstanceOf[Template], PlainSerializer(_written)]
Text = Annotated[_Template, BeforeValidator(_text)]
"""One line made of the change: a header, a query value, an input."""
Body = Annotated[_Template, BeforeValidator(_body)]
"""A body; JSON where the `content_type` before it says so."""
ChannelBody = Annotated[_Template, BeforeValidator(_channel_body)]
"""The same, of which a channel is told: also how deploys ended."""
Wording = Annotated[_Template, BeforeValidator(_wording)]
"""What a message says of one change, in lines; see `app.sinks.wording`."""
HeaderText = Annotated[SecretStr | _Template, BeforeValidator(_header)]
"""A header: made of the change, or, where it refers to a secret, sent as it is and kept nowhere."""
