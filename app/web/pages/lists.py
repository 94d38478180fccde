"""What every page with a list does alike."""

from typing import Any

from flask import request

from app.domain.times import rfc3339_nano
from app.store.queries.paging import Page

MOST_ON_A_PAGE = 100


def given() -> dict[str, str]:
    """The parameters of the address as the forms and the links to other pages of the list repeat them."""
    return {name: value for name, value in request.args.items() if value and name != "cursor"}


def links(page: Page[Any], **moments: int | None) -> dict[str, Any]:
    """What a list's templates need to lead on: to older pages, and to the whole list, which the API has.

    `moments`: what the answer depends on, by parameter, in nanoseconds. Both name them: `2h` and what is not said mean
    another moment by then.
    """
    same = {name: rfc3339_nano(time_ns) for name, time_ns in moments.items() if time_ns is not None}
    further = {name: value.strip() for name, value in given().items()} | same
    return {
        "given": given(),
        "older": {**further, "cursor": page.next} if page.next else None,
        "whole": {name: value for name, value in further.items() if name != "limit"},
        "behind": "cursor" in request.args,
        "path": request.path,
    }
