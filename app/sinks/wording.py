"""What a channel says of a change where the configuration has a template for it.

It makes the same spans as our own words, which each channel puts into its markup: what is printed of the change stands
as code, `link` as a line of its own, and the template's text is text. So no value can act there, whatever the channel.
"""

import re
from collections.abc import Iterable, Iterator

from app.domain.fields import fields
from app.domain.told import Told
from app.settings.templates import BEGIN, END, RenderError, Template
from app.sinks.words import Line, Span, details, lines, shown

_PRINTED = re.compile(f"{BEGIN}(.*?){END}")
_TEXT_MAX = 1500
"""Characters about one change, and spans: what each kind of channel has room for, however they are escaped."""
_SPANS_MAX = 100


def worded(told: Told, template: Template | None) -> list[Line]:
    """By the `template`; in our own words where there is none, or it fails (which is then said), or prints nothing."""
    if template is None:
        return lines(told)
    try:
        made = template.render(fields([told]))
    except RenderError as error:
        return [*lines(told), (Span(shown(str(error))),)]
    return list(_fitting(_lines(made, told.link))) or lines(told)


def _lines(made: str, link: str | None) -> Iterator[Line]:
    """Those in which something stands."""
    for row in made.split("\n"):
        line: list[Span] = []
        for place, text in enumerate(_PRINTED.split(row)):
            printed = place % 2 == 1
            if printed and text == link and (linked := details(link)):
                yield from [tuple(line)] if _says_something(line) else []
                yield from linked
                line = []
            elif text:
                line.append(Span(shown(text), code=printed))
        if _says_something(line):
            yield tuple(line)


def _says_something(line: Iterable[Span]) -> bool:
    return any(span.text.strip() for span in line)


def _fitting(made: Iterable[Line]) -> Iterator[Line]:
    room, spans = _TEXT_MAX, _SPANS_MAX
    for line in made:
        kept: list[Span] = []
        for span in line:
            room, spans = room - len(span.text) - len(span.url or ""), spans - 1
            if room < 0 or spans < 0:
                yield (*kept, Span("…"))
                return
            kept.append(span)
        yield tuple(kept)
