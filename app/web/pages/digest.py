"""`/digests/DIGEST`: all that is known of a digest, and who pulls it."""

from flask import abort, render_template

from app.bootstrap import Services
from app.domain.digests import Digest
from app.store.engine import reading
from app.store.queries import digests, pulls
from app.store.queries.paging import Paging
from app.store.queries.pulls import PullFilter
from app.web.callers import scope
from app.web.pages.lists import MOST_ON_A_PAGE
from app.web.parameters import NoParameters


def page(services: Services, digest: str) -> str:
    NoParameters.read()
    wanted = str(Digest.parse(digest))
    with reading(services.engine) as connection:
        found = digests.story(connection, scope(), wanted, MOST_ON_A_PAGE)
        pulled = pulls.page(connection, scope(), PullFilter(digest=wanted), Paging(MOST_ON_A_PAGE))
    if found is None:
        abort(404, "nobody has told of this digest")
    return render_template("digest.html", story=found, pulls=pulled)
