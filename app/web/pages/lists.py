"""What every page with a list does alike."""

from typing import Any

from flask import request

from app.store.queries.paging import Page

MOST_ON_A_PAGE = 100


def given() -> dict[str, str]:
    """The parameters of the address as the forms and the links to other pages of the list repeat them."""
    return {name: value for name, value in request.args.items() if value and name != "cursor"}


def links(page: Page[Any]) -> dict[str, Any]:
    """What a list's templates need to lead on."""
    older = {**given(), "cursor": page.next} if page.next else None
    return {"given": given(), "older": older, "behind": "cursor" in request.args, "path": request.path}
