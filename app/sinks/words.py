"""What channels say about a change, as spans of text that each channel puts into its own markup."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.digests import Digest, is_digest
from app.domain.text import printable
from app.domain.times import rfc3339
from app.domain.told import Notice, Told
from app.outbound import InvalidUrlError, Url

TEXT_MAX = 250
LINK_MAX = 600
_TAGS_MAX = 5
_TAG_MAX = 128


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text, on one line and not empty, which may hold anything from outside.

    `url` is that of a link, and is an address that a browser can open.
    """

    text: str
    bold: bool = False
    code: bool = False
    url: str | None = None


Line = tuple[Span, ...]


def title(told: Sequence[Told]) -> str:
    """What all of `told` are about, in few words: for previews and subjects."""
    first = told[0]
    also = f" and {len(told) - 1} more" if len(told) > 1 else ""
    return f"{shown(first.kind)} {subject(first)}{also}"


def subject(told: Told) -> str:
    where = f"{shown(told.registry)}/{shown(told.repository)}"
    return where if told.tag is None else f"{where}:{shown(told.tag)}"


def lines(told: Told) -> list[Line]:
    """A change, or how its deploy ended, in three lines; one more has the link to its page."""
    heading = (Span(shown(told.kind), bold=True), Span(" "), Span(subject(told), code=True))
    return [(*heading, *_also(told)), tuple(_turn(told)), tuple(_context(told)), *details(told.link)]


def notice_lines(notice: Notice) -> list[Line]:
    heading = (Span(shown(notice.kind), bold=True), Span(" "), Span(shown(notice.about), code=True))
    return [heading, (Span(shown(notice.text)),), *details(notice.link)]


def shown(text: str) -> str:
    """`text` on one line, not empty, and at most TEXT_MAX characters of it."""
    clean = printable(text[: TEXT_MAX + 1])
    return (clean if len(clean) <= TEXT_MAX else clean[: TEXT_MAX - 1] + "…") or "-"


def _also(told: Told) -> Iterator[Span]:
    """The first of the further tags of a deploy."""
    tags = told.deploy.also if told.deploy else ()
    for tag in tags[:_TAGS_MAX]:
        yield Span(", ")
        yield Span(shown(tag[:_TAG_MAX]), code=True)
    if len(tags) > _TAGS_MAX:
        yield Span(f" and {len(tags) - _TAGS_MAX} more tags")


def _turn(told: Told) -> Iterator[Span]:
    if told.kind != "pulled":
        yield _short(told.before, told.before_link)
        yield Span(" → ")
    yield _short(told.after, told.after_link)
    if told.deploy is not None:
        yield Span(" by trigger ")
        yield Span(shown(told.deploy.trigger), code=True)
        yield Span(f", {told.deploy.tries} {'try' if told.deploy.tries == 1 else 'tries'}: ")
        yield Span(shown(told.deploy.detail), code=True)


def _context(told: Told) -> Iterator[Span]:
    if told.actor is None:
        yield Span("by someone unknown")
    else:
        yield Span("by ")
        yield Span(shown(told.actor), code=True)
    yield Span(f" at {rfc3339(told.time_ns, 0)}, told by ")
    yield Span(shown(told.origin), code=True)
    yield Span(", rule ")
    yield Span(shown(told.rule), code=True)


def details(text: str | None) -> list[Line]:
    """A line with the link, or none where there is none to show."""
    url = _url(text)
    return [(Span("Details", url=url),)] if url else []


def _url(text: str | None) -> str | None:
    """`text` if it is an address, and not too long to be shown."""
    try:
        url = str(Url.parse(text or ""))
    except InvalidUrlError:
        return None
    return url if len(url) <= LINK_MAX else None


def _short(text: str, link: str | None) -> Span:
    if not is_digest(text):
        return Span(shown(text), code=True)
    short, url = Digest.parse(text).short, _url(link)
    return Span(short, code=url is None, url=url)
