"""Which request each known product wants: method, address, headers and body, and what its answers mean.

Statuses are those that the product's documentation names; one that is not among `delivered` is a failure, so that a
login page answered with 200 is no success. What is not `permanent` is tried again.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from app.domain.fields import NAMES
from app.domain.seals import Form
from app.outbound import Door, Url
from app.settings import presets
from app.settings.templates import Template
from app.sinks.request import Proof, Request, Shape

Parts = tuple[Url, Shape, Proof]


def request(section: presets.Preset, door: Door) -> Request:
    """Raise InvalidUrlError."""
    return Request(door, *TABLE[type(section)](section))


def _argocd(section: presets.ArgoCd) -> Parts:
    """POST /api/v1/applications/NAME/sync (ApplicationService.Sync of the server's swagger): 200.

    400 is also "another operation is already in progress", so it is tried again. A repeat syncs to the same state.
    """
    body = {"infos": [{"name": "reason", "value": _template("tagtrail: {{ image }}")}]}
    named = {"appNamespace": section.namespace} if section.namespace else {}
    shape = Shape(body=body | named, delivered=_codes(200), permanent=_codes(401, 403, 404))
    return _at(section.url, "api", "v1", "applications", section.application, "sync"), shape, _bearer(section.token)


def _flux(section: presets.Flux) -> Parts:
    """A Receiver of type generic-hmac (fluxcd.io, "Receivers"): the body's HMAC-SHA256 in X-Signature; 200.

    400 is a signature that does not fit, 404 no such Receiver. A repeat asks for one more reconciliation.
    """
    seal = (Form("X-Signature", prefix="sha256="), section.token.get_secret_value().encode())
    shape = Shape(delivered=_codes(200), permanent=_codes(400, 404))
    return Url.parse(section.url.get_secret_value()), shape, Proof(seal=seal)


def _github_dispatch(section: presets.GitHubDispatch) -> Parts:
    """POST /repos/OWNER/NAME/dispatches (docs.github.com/rest, "Create a repository dispatch event"): 204.

    At most ten keys in client_payload. 403 may be a rate limit. A repeat starts the workflow once more.
    """
    told = ("registry", "repository", "tag", "digest", "image", "before", "actor", "change_id", "rule", "link")
    client_payload = {name: _template(f"{{{{ {name} }}}}") for name in told}
    shape = Shape(
        body={"event_type": section.event_type, "client_payload": client_payload},
        headers=_github(),
        delivered=_codes(204),
        permanent=_codes(401, 404, 422),
    )
    return _at(section.url, "repos", *section.repository.split("/"), "dispatches"), shape, _bearer(section.token)


def _github_workflow(section: presets.GitHubWorkflow) -> Parts:
    """POST …/actions/workflows/WORKFLOW/dispatches (docs.github.com/rest, "Create a workflow dispatch event"): 204.

    200 where GitHub tells of the run. Inputs that the workflow does not declare are a 422. A repeat
    starts the workflow once more.
    """
    shape = Shape(
        body={"ref": section.ref, "inputs": dict(section.inputs)},
        headers=_github(),
        delivered=_codes(200, 204),
        permanent=_codes(401, 404, 422),
    )
    path = ("repos", *section.repository.split("/"), "actions", "workflows", section.workflow, "dispatches")
    return _at(section.url, *path), shape, _bearer(section.token)


def _gitlab(section: presets.GitLab) -> Parts:
    """POST /api/v4/projects/ID/ref/REF/trigger/pipeline?token=…&variables[NAME]=… (docs.gitlab.com/ci/triggers, "Use a
    webhook"): 201. 400 is an unknown ref, or a pipeline without jobs. A repeat starts one more pipeline.
    """
    shape = Shape(
        body="",
        query={f"variables[{name}]": one for name, one in section.variables.items()},
        delivered=_codes(201),
        permanent=_codes(400, 401, 403, 404),
    )
    path = ("api", "v4", "projects", section.project, "ref", section.ref, "trigger", "pipeline")
    return _at(section.url, *path, token=section.token), shape, Proof()


def _jenkins(section: presets.Jenkins) -> Parts:
    """POST /job/…/buildWithParameters?token=… (jenkins.io, "Remote Access API"): 201 with the place in the queue.

    Without parameters it is /build. An API token needs no crumb. Jenkins folds a repeat with the same parameters into
    a build that still waits in its queue; after that it is one more build.
    """
    jobs = [part for name in section.job.strip("/").split("/") for part in ("job", name)]
    verb = "buildWithParameters" if section.parameters else "build"
    shape = Shape(body="", query=section.parameters, delivered=_codes(201), permanent=_codes(401, 403, 404))
    proof = _basic(section.username, section.password) if section.username and section.password else Proof()
    return _at(section.url, *jobs, verb, token=section.token), shape, proof


def _portainer(section: presets.Portainer) -> Parts:
    """POST to the webhook (docs.portainer.io, "Webhooks"): `?tag=` is a service's new tag, other names are a stack's
    environment; 202, 204 or 200. 404 is an unknown webhook. A repeat pulls and updates once more.
    """
    shape = Shape(body="", query=section.query, delivered=_codes(200, 202, 204), permanent=_codes(400, 404))
    return Url.parse(section.url.get_secret_value()), shape, Proof()


def _coolify(section: presets.Coolify) -> Parts:
    """POST /api/v1/deploy?uuid=… (coolify.io/docs, "Deploy webhooks"): 200. A repeat deploys once more."""
    force = {"force": "true"} if section.force else {}
    shape = Shape(body="", delivered=_codes(200), permanent=_codes(400, 401, 403, 404))
    return _at(section.url, "api", "v1", "deploy", uuid=section.uuid, **force), shape, _bearer(section.token)


def _dokploy(section: presets.Dokploy) -> Parts:
    """POST /api/application.deploy or /api/compose.deploy (docs.dokploy.com, "API"): 200. A repeat deploys once more.

    Not its webhook address, which wants the notification of a known registry and answers 301 to other tags.
    """
    what = "application" if section.application else "compose"
    body = {f"{what}Id": section.application or section.compose}
    shape = Shape(body=body, delivered=_codes(200), permanent=_codes(400, 401, 403, 404))
    proof = Proof({"x-api-key": section.token.get_secret_value()})
    return _at(section.url, "api", f"{what}.deploy"), shape, proof


def _nomad(section: presets.Nomad) -> Parts:
    """POST /v1/job/JOB/dispatch?idempotency_token=… (developer.hashicorp.com/nomad/api-docs/jobs, "Dispatch Job"): 200.

    Not "Create Job Evaluation", which runs what the job says already. The delivery's id is the token, so that a repeat
    starts no second instance.
    """
    shape = Shape(
        body={"Meta": dict(section.meta)},
        delivered=_codes(200),
        permanent=_codes(400, 403, 404),
        id_parameter="idempotency_token",
    )
    proof = Proof({"X-Nomad-Token": section.token.get_secret_value()}) if section.token else Proof()
    return _at(section.url, "v1", "job", section.job, "dispatch", namespace=section.namespace), shape, proof


def _azure(section: presets.AzureAppService) -> Parts:
    """POST /docker/hook with publishing credentials (learn.microsoft.com, "CI/CD for custom containers"): 200.

    The app pulls and restarts; Azure does not read the body. 403 may be a stopped app. A repeat restarts once more.
    """
    shape = Shape(delivered=_codes(200, 202), permanent=_codes(401, 404))
    return _at(section.url, "docker", "hook"), shape, _basic(section.username, section.password)


TABLE: Mapping[type[presets.Preset], Callable[[Any], Parts]] = {
    presets.ArgoCd: _argocd,
    presets.Flux: _flux,
    presets.GitHubDispatch: _github_dispatch,
    presets.GitHubWorkflow: _github_workflow,
    presets.GitLab: _gitlab,
    presets.Jenkins: _jenkins,
    presets.Portainer: _portainer,
    presets.Coolify: _coolify,
    presets.Dokploy: _dokploy,
    presets.Nomad: _nomad,
    presets.AzureAppService: _azure,
}


def _template(text: str) -> Template:
    return Template.parse(text, NAMES)


def _github() -> Mapping[str, Template]:
    """What every request to GitHub's API says (docs.github.com/rest, "Getting started")."""
    return {"Accept": _template("application/vnd.github+json"), "X-GitHub-Api-Version": _template("2022-11-28")}


def _codes(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def _at(base: SecretStr, *path: str, **query: str | SecretStr | None) -> Url:
    """`base` and a path below it, each part quoted whole. What is None in `query` is left out."""
    given = {
        name: one.get_secret_value() if isinstance(one, SecretStr) else one
        for name, one in query.items()
        if one is not None
    }
    below = "/".join(quote(part, safe="") for part in path)
    asked = f"?{urlencode(given)}" if given else ""
    start = Url.parse(base.get_secret_value())
    public = f"{'' if start.target == '/' else '…/'}{below}{'?…' if given else ''}"
    return replace(Url.parse(f"{base.get_secret_value().rstrip('/')}/{below}{asked}"), public=public)


def _bearer(token: SecretStr) -> Proof:
    return Proof({"Authorization": f"Bearer {token.get_secret_value()}"})


def _basic(username: str, password: SecretStr) -> Proof:
    pair = f"{username}:{password.get_secret_value()}".encode()
    return Proof({"Authorization": f"Basic {base64.b64encode(pair).decode()}"})
