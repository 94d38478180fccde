"""How values look on a page. Whatever a template prints passes `visible`; what is Markup was made here."""

import re
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from markupsafe import Markup, escape

from app.domain.changes import ABSENT, UNKNOWN
from app.domain.links import tag_page
from app.domain.text import printable
from app.domain.times import SECOND_NS, rfc3339, rfc3339_nano

MARKS = {
    "created": "+", "moved": "→", "removed": "×", "restored": "↺", "void": "∅", "pulled": "↓",
    "delivered": "✓", "pending": "…", "dead": "×", "superseded": "∅", "dropped": "∅",
    "open": "✓", "backing off": "…", "disabled": "×",
    "approved": "✓", "rejected": "×", "approval": "?", "redeployed": "↺",
    "push": "↑", "pull": "↓", "mount": "=", "delete": "×", "observe": "?",
    "unreadable": "?", "too-large": "▣", "id-conflict": "≠",
}
"""A sign for each kind of change and each status, so that colour is never all that tells them apart."""
SHORT = 12
_DIGEST = re.compile(rf"\bsha256:([0-9a-f]{{{SHORT}}})[0-9a-f]{{52}}\b")
"""Characters of the encoded part, as people quote digests."""


def equip(routes: Blueprint) -> None:
    """Give the templates what they print with."""

    def finish(state: BlueprintSetupState) -> None:
        state.app.jinja_env.finalize = visible

    routes.record(finish)
    for shown in (moment, digest, brief, points_to, duration, lines, query, exact):
        routes.add_app_template_filter(shown)
    for address in (tag_address, digest_address, repository_address, actor_address):
        routes.add_app_template_global(address)
    routes.add_app_template_global(MARKS.get, "mark")


def visible(value: Any) -> Any:
    """Text with control and direction-changing characters written out; autoescape does the rest."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def moment(time_ns: int) -> Markup:
    shown = rfc3339(time_ns, 0).replace("T", " ")
    return Markup('<time datetime="{}">{}</time>').format(rfc3339_nano(time_ns), shown)


def duration(span_ns: int) -> str:
    """`840 ms`, `3.2 s`, `5 min`, `36 h`, `12 d`; below 0 too."""
    if abs(span_ns) < SECOND_NS:
        return f"{round(span_ns / 1_000_000)} ms"
    seconds = span_ns / SECOND_NS
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


def digest(text: str) -> Markup:
    """A short digest that leads to its page; the whole one shows on hover."""
    algorithm, _, encoded = text.partition(":")
    short = encoded[:SHORT] if algorithm == "sha256" else f"{algorithm}:{encoded[:SHORT]}"
    return Markup('<a class="digest" href="{}" title="{}"><code>{}</code></a>').format(
        digest_address(text), printable(text), printable(short)
    )


def brief(text: str) -> str:
    """A sentence with its digests cut short, as they stand elsewhere on the page that leads on to them."""
    return _DIGEST.sub(lambda found: found[1], text)


def points_to(text: str) -> Markup:
    """Where a tag points: a digest, nowhere, or nobody knows."""
    if text in (ABSENT, UNKNOWN):
        return Markup('<span class="nowhere">{}</span>').format(text)
    return digest(text)


def lines(text: str | bytes) -> Markup:
    """Text of several lines for a `pre`: line ends stay, other control characters are written out."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    return Markup("\n").join(escape(printable(line.removesuffix("\r"))) for line in text.split("\n"))


def exact(text: str) -> Markup:
    """Text that a form sends back as it was: control and direction-changing characters as references."""
    return Markup("").join(_reference(letter) if printable(letter) != letter else escape(letter) for letter in text)


def _reference(letter: str) -> Markup:
    """HTML reads references to U+0080 to U+009F as something else (WHATWG HTML §13.2.5.80), so these stay."""
    return escape(letter) if "\x80" <= letter <= "\x9f" else Markup("&#{};").format(ord(letter))


def query(parameters: dict[str, Any]) -> str:
    """`?a=b`, without what is empty."""
    given = {name: value for name, value in parameters.items() if value not in (None, "", False)}
    return f"?{urlencode(given)}" if given else ""


def own_path(text: str) -> str:
    """`text` if it leads to a page of ours, else the first page. Browsers read `//` and `/\\` as another site's."""
    fine = text.startswith("/") and text.isprintable() and not text.startswith(("//", "/\\"))
    return text if fine and not urlsplit(text).netloc else "/"


def tag_address(registry: str, repository: str, tag: str) -> str:
    return tag_page("", registry, repository, tag)


def digest_address(text: str) -> str:
    return f"/digests/{text}"


def repository_address(registry: str, repository: str) -> str:
    return f"/repository{query({'registry': registry, 'repository': repository})}"


def actor_address(name: str) -> str:
    return f"/actor{query({'name': name})}"
