"""Repositories: what is in them, which there are, and an end to one."""

from flask import Response, json, request

from app.domain.digests import Digest
from app.registry.referrers import ReferrersAsked
from app.registry.validation import OCI_INDEX
from app.web.oci import Answer
from app.web.registry import parsing
from app.web.registry.answers import Call, link, page


def list_tags(call: Call) -> Response:
    asked = parsing.page_size(request.args.get("n"))
    count = None if asked is None else min(asked, call.manner.most_tags)
    tags, more = call.registry.tags(call.repository, request.args.get("last", ""), count)
    rest = {"last": tags[-1], "n": str(count)} if more and tags else None
    return page({"name": call.repository, "tags": list(tags)}, rest)


def list_referrers(call: Call) -> Response:
    artifact_type = request.args.get("artifactType")
    count = min(parsing.page_size(request.args.get("n")) or 1000, 1000)
    asked = ReferrersAsked(artifact_type, request.args.get("last", ""), count)
    found, more = call.registry.referrers(call.repository, Digest.parse(call.reference), asked)
    headers = {"Content-Type": OCI_INDEX}
    filters = {} if artifact_type is None else {"artifactType": artifact_type}
    if filters:
        headers["OCI-Filters-Applied"] = "artifactType"
    if more:
        headers["Link"] = link(filters | {"last": found[-1]["digest"], "n": str(count)})
    return Answer(json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}), 200, headers)


def list_repositories(call: Call) -> Response:
    count = min(parsing.page_size(request.args.get("n", "100")) or 0, call.manner.most_repositories)
    names, more = call.registry.repositories(request.args.get("last", ""), count)
    return page({"repositories": list(names)}, {"last": names[-1], "n": str(count)} if more and names else None)


def delete_repository(call: Call) -> Response:
    """An extension of ours: no specification has it."""
    call.registry.delete_repository(call.repository, call.listener)
    return Answer(status=202)
