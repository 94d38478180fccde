"""`/digests/DIGEST`: all that is known of a digest, and who pulls it; `/digests?digest=` finds it by its beginning."""

from flask import abort, render_template

from app.bootstrap import Services
from app.domain.digests import Digest, beginning, is_digest
from app.store.engine import Connection, reading
from app.store.queries import digests, pulls
from app.store.queries.paging import Paging
from app.store.queries.pulls import PullFilter
from app.web.callers import scope
from app.web.pages.lists import MOST_ON_A_PAGE, given
from app.web.parameters import Known, ParameterError, Parameters, Word


class Asked(Parameters, Known):
    digest: Word


class OfOne(Parameters, Known):
    pass


def page(services: Services, digest: str) -> str:
    known_ns, wanted = OfOne.read(blank_is_absent=True).known_ns, str(Digest.parse(digest))
    with reading(services.engine) as connection:
        return _story(connection, wanted, known_ns)


def find(services: Services) -> str:
    asked = Asked.read(blank_is_absent=True)
    text = asked.digest
    with reading(services.engine) as connection:
        found = [text] if is_digest(text) else _beginning_with(connection, text)
        if len(found) == 1:
            return _story(connection, found[0], asked.known_ns)
    if not found:
        abort(404, "nobody has told of a digest that begins so")
    return render_template("digests.html", text=text, found=found, most=MOST_ON_A_PAGE)


def _beginning_with(connection: Connection, text: str) -> list[str]:
    quoted = beginning(text)
    if quoted is None:
        raise ParameterError("digest", "write it whole, or at least the first six hex characters of a sha256 digest")
    return digests.starting_with(connection, scope(), f"sha256:{quoted}", MOST_ON_A_PAGE)


def _story(connection: Connection, digest: str, known_ns: int | None) -> str:
    found = digests.story(connection, scope(), digest, MOST_ON_A_PAGE, known_ns)
    if found is None:
        abort(404, "nobody has told of this digest" if known_ns is None else "by then nobody had told of this digest")
    asked = PullFilter(digest=digest, known_ns=known_ns)
    pulled = pulls.page(connection, scope(), asked, Paging(MOST_ON_A_PAGE))
    return render_template("digest.html", story=found, pulls=pulled, given=given(), known_ns=known_ns)
