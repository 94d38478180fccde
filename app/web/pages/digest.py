"""`/digests/DIGEST`: all that is known of a digest, and who pulls it; `/digests?digest=` finds it by its beginning."""

from flask import abort, render_template

from app.bootstrap import Services
from app.domain.digests import Digest, beginning, is_digest
from app.store.engine import Connection, reading
from app.store.queries import digests, pulls
from app.store.queries.paging import Paging
from app.store.queries.pulls import PullFilter
from app.web.callers import scope
from app.web.pages.lists import MOST_ON_A_PAGE
from app.web.parameters import NoParameters, ParameterError, Parameters, Word


class Asked(Parameters):
    digest: Word


def page(services: Services, digest: str) -> str:
    NoParameters.read()
    wanted = str(Digest.parse(digest))
    with reading(services.engine) as connection:
        return _story(connection, wanted)


def find(services: Services) -> str:
    text = Asked.read(blank_is_absent=True).digest
    with reading(services.engine) as connection:
        found = [text] if is_digest(text) else _beginning_with(connection, text)
        if len(found) == 1:
            return _story(connection, found[0])
    if not found:
        abort(404, "nobody has told of a digest that begins so")
    return render_template("digests.html", text=text, found=found, most=MOST_ON_A_PAGE)


def _beginning_with(connection: Connection, text: str) -> list[str]:
    quoted = beginning(text)
    if quoted is None:
        raise ParameterError("digest", "write it whole, or at least the first six hex characters of a sha256 digest")
    return digests.starting_with(connection, scope(), f"sha256:{quoted}", MOST_ON_A_PAGE)


def _story(connection: Connection, digest: str) -> str:
    found = digests.story(connection, scope(), digest, MOST_ON_A_PAGE)
    if found is None:
        abort(404, "nobody has told of this digest")
    pulled = pulls.page(connection, scope(), PullFilter(digest=digest), Paging(MOST_ON_A_PAGE))
    return render_template("digest.html", story=found, pulls=pulled)
