"""`/ask`: the questions, each a small form whose address is the question."""

from flask import render_template

from app.bootstrap import Services
from app.web.parameters import NoParameters


def page(_services: Services) -> str:
    NoParameters.read()
    return render_template("ask.html", given={})
