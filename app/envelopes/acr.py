"""Azure Container Registry: its own webhook, and Event Grid in both schemas, alone or as an array.

Facts of the format: a delete takes a manifest, and the delete of a tag alone is not told; charts have neither host nor
request; the documentation masks its digests. Event Grid asks first, with an event of its own, whether it may send
(learn.microsoft.com/azure/event-grid, "Endpoint validation with Event Grid event schema").
"""

from app.domain.events import Scope
from app.domain.times import parse_rfc3339
from app.envelopes.batches import one_by_one
from app.envelopes.distribution import Actor, Request
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.slices import elements
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body, value_of
from app.envelopes.words import word

_GRID_KINDS = {
    "ImagePushed": "push",
    "ImageDeleted": "delete",
    "ChartPushed": "chart-push",
    "ChartDeleted": "chart-delete",
}
_GRID_SOURCE = "/Microsoft.ContainerRegistry/registries/"
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


class _Target(Wire):
    mediaType: str | None = None  # noqa: N815 - the wire's own spelling
    size: int | None = None
    digest: str | None = None
    repository: str | None = None
    tag: str | None = None


class _Hook(Wire):
    """The body of a webhook; the data of an event in Event Grid."""

    id: str | None = None
    timestamp: str | None = None
    action: str | None = None
    target: _Target | None = None
    request: Request | None = None
    actor: Actor | None = None


class _GridEvent(Wire):
    """`type` and `time` are those of CloudEvents; Event Grid's own schema says `eventType` and `eventTime`."""

    id: str | None = None
    type: str = ""
    eventType: str = ""  # noqa: N815 - the wire's own spelling
    time: str | None = None
    eventTime: str | None = None  # noqa: N815 - the wire's own spelling
    data: _Hook | None = None


def read(received: Received) -> Reading:
    try:
        value = value_of(received.body)
    except FaultError as error:
        return Reading(faults=(str(error),))
    if code := _validation_code(value):
        return Reading(answer={"validationResponse": code})
    if isinstance(value, list):
        return one_by_one(received, elements, _said)
    return one_body(received, lambda _, one: [_said(one)])


def _validation_code(value: object) -> str | None:
    """What Event Grid wants to hear before it sends; None where the body is no such question."""
    event = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(event, dict) or _VALIDATION not in (event.get("eventType"), event.get("type")):
        return None
    data = event.get("data")
    code = data.get("validationCode") if isinstance(data, dict) else None
    return code if isinstance(code, str) else None


def _said(value: object) -> Said:
    if _is_grid_event(value):
        event = checked(_GridEvent, value)
        hook = event.data or _Hook()
        kind = (event.type or event.eventType).rpartition(".")[2]
        action = hook.action or _GRID_KINDS.get(kind, kind)
        return _told(event.id, hook, action, hook.timestamp or event.time or event.eventTime)
    if not _is_hook(value):
        raise FaultError("not an event of Azure Container Registry: neither action and target, nor a type of its own")
    hook = checked(_Hook, value)
    return _told(hook.id, hook, hook.action or "", hook.timestamp)


def _told(identity: str | None, hook: _Hook, action: str, moment: str | None) -> Said:
    target, request = hook.target or _Target(), hook.request or Request()
    return Said(
        action=word(action),
        repository=target.repository,
        tag=target.tag,
        digest=target.digest,
        deletes=Scope.MANIFEST,
        id=identity,
        time_ns=parse_rfc3339(moment or ""),
        host=request.host,
        media_type=target.mediaType,
        size=target.size,
        actor=hook.actor.name if hook.actor else None,
        request_id=request.id,
        request_addr=request.addr,
        request_method=request.method,
        user_agent=request.useragent,
    )


def _is_grid_event(value: object) -> bool:
    if not isinstance(value, dict) or not ("eventType" in value or "type" in value):
        return False
    return any(_GRID_SOURCE in value[name] for name in ("topic", "source") if isinstance(value.get(name), str))


def _is_hook(value: object) -> bool:
    if not isinstance(value, dict) or not {"id", "timestamp", "action"} <= value.keys():
        return False
    return "target" in value or value["action"] == "ping"


def _recognises(_: Received, value: object) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return _is_grid_event(first) or _validation_code(value) is not None or _is_hook(value)


DIALECT = Dialect(read, _recognises)
