"""What may stand in the query of an address, for the API and the pages. What is wrong is named, with what would do."""

import difflib
import time
from collections.abc import Sequence
from typing import Annotated, Self, TypeVar

from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from app.domain.changes import Kind
from app.domain.deliveries import Status
from app.domain.digests import Digest
from app.domain.errors import TagtrailError
from app.domain.exports import Form
from app.domain.names import parse_pattern
from app.domain.times import parse_moment
from app.store.queries.approvals import ApprovalFilter
from app.store.queries.changes import ChangeFilter
from app.store.queries.conditions import storable_ns
from app.store.queries.deliveries import DeliveryFilter
from app.store.queries.diff import DiffFilter
from app.store.queries.events import EventFilter
from app.store.queries.history import HistoryFilter
from app.store.queries.moments import MomentFilter
from app.store.queries.paging import Paging
from app.store.queries.pauses import PauseFilter
from app.store.queries.pulls import PullFilter
from app.store.queries.quarantine import QuarantineFilter
from app.store.queries.repositories import RepositoryFilter
from app.store.queries.tags import TagFilter

MOST = 1000
"""Rows in one answer."""


class ParameterError(TagtrailError):
    """A parameter of the address that can't be used."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter


def _moment(text: str) -> int:
    """One that the database can hold, and that can be shown: a span may lead back before the first year."""
    return storable_ns(parse_moment(text, time.time_ns()))


def _digest(text: str) -> str:
    return str(Digest.parse(text))


Word = Annotated[str, Field(min_length=1)]
Pattern = Annotated[
    Word, AfterValidator(parse_pattern), Field(description="A name, or a pattern such as shop/*")
]
Moment = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-03-01", "2026-03-01T09:00:00Z", "now", "30d"]}),
]
DigestText = Annotated[str, AfterValidator(_digest), Field(examples=[f"sha256:{'0' * 64}"])]


class Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=True)

    @classmethod
    def names(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    def read(cls, *, blank_is_absent: bool = False) -> Self:
        """Those of the present request. Raises ParameterError. Forms send their empty fields: `blank_is_absent`."""
        given: dict[str, str] = {}
        for name, values in request.args.lists():
            if blank_is_absent and not any(values):
                continue
            if len(values) > 1:
                raise ParameterError(name, "is given more than once")
            given[name] = values[0].strip() if blank_is_absent else values[0]
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise _complaint(cls.names(), error) from None


def _complaint(known: Sequence[str], error: ValidationError) -> ParameterError:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        return ParameterError(name, f"is no parameter here; {hint}")
    if first["type"] == "missing":
        return ParameterError(name, "is missing")
    return ParameterError(name, first["msg"].removeprefix("Value error, "))


F = TypeVar("F")


class ListParameters(Parameters):
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100
    cursor: Word | None = None

    @property
    def paging(self) -> Paging:
        return Paging(self.limit, self.cursor)

    def into(self, kind: type[F]) -> F:
        """The rest of the parameters as a filter of the store."""
        return kind(**self.model_dump(exclude={"limit", "cursor", "format"}))


class FormParameters(ListParameters):
    """`format`: `json` is a page; the others are the whole list from `cursor` on."""

    format: Form = "json"

    @property
    def whole(self) -> bool:
        """Raises ParameterError."""
        if self.format != "json" and "limit" in self.model_fields_set:
            raise ParameterError("limit", f"is for pages; format={self.format} is the whole list")
        return self.format != "json"


class _Named(ListParameters):
    registry: Word | None = None
    repository: Pattern | None = None
    tag: Pattern | None = None


class Where(_Named):
    digest: DigestText | None = None


class When(BaseModel):
    since_ns: Moment | None = Field(None, alias="since")
    until_ns: Moment | None = Field(None, alias="until")


class Known(BaseModel):
    known_ns: Moment | None = Field(None, alias="known_at")


class _KnownNamed(_Named, Known):
    @model_validator(mode="after")
    def _of_what(self) -> Self:
        """Folding again all that there is would take for ever."""
        if self.known_ns is not None and self.repository is None:
            raise ParameterError("known_at", "needs a repository too, or a pattern of some: repository=shop/*")
        return self


class EventParameters(Where, When, Known):
    actor: Word | None = None
    action: Word | None = None
    origin: Word | None = None

    def filter(self) -> EventFilter:
        return self.into(EventFilter)


class ActivityParameters(EventParameters):
    actor: Word  # of whom, has to be said


class _Changes(_Named, When):
    digest: DigestText | None = None
    actor: Word | None = None
    kind: Kind | None = None
    origin: Word | None = None
    void: bool = False
    moved_releases: bool = False


class ChangeParameters(_KnownNamed, _Changes):
    def filter(self) -> HistoryFilter:
        return self.into(HistoryFilter)


class MomentsParameters(_Named, Known):
    """Tags, and a moment (default: now)."""

    at_ns: Moment = Field(default_factory=time.time_ns, alias="at")

    def filter(self) -> MomentFilter:
        return self.into(MomentFilter)


class DiffParameters(_KnownNamed):
    """Tags, and two moments (the second one's default: now)."""

    since_ns: Moment = Field(alias="since")
    until_ns: Moment = Field(default_factory=time.time_ns, alias="until")

    def filter(self) -> DiffFilter:
        return self.into(DiffFilter)


class PullParameters(Where, When, Known):
    actor: Word | None = None
    origin: Word | None = None
    stale: bool = False

    @model_validator(mode="after")
    def _of_now(self) -> Self:
        if self.stale and self.known_ns is not None:
            raise ParameterError("known_at", "what is stale is so now; leave either out")
        return self

    def filter(self) -> PullFilter:
        return self.into(PullFilter)


class RepositoryParameters(ListParameters, Known):
    registry: Word | None = None
    repository: Pattern | None = None
    first_seen_since_ns: Moment | None = Field(None, alias="first_seen_since")
    first_seen_until_ns: Moment | None = Field(None, alias="first_seen_until")

    def filter(self) -> RepositoryFilter:
        return self.into(RepositoryFilter)


class LiveParameters(_Changes):
    """Changes that are written from now on, or behind the seq `after`."""

    after: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    def filter(self) -> ChangeFilter:
        return ChangeFilter(**self.model_dump(exclude={"limit", "cursor", "after"}))


class TagParameters(Where):
    removed: bool = False

    def filter(self) -> TagFilter:
        return self.into(TagFilter)


class DeliveryParameters(ListParameters):
    status: Status | None = None
    destination: Word | None = None
    since_ns: Moment | None = Field(None, alias="since")

    def filter(self) -> DeliveryFilter:
        return self.into(DeliveryFilter)


class ApprovalParameters(ListParameters):
    decided: bool = Field(default=False, alias="all")

    def filter(self) -> ApprovalFilter:
        return ApprovalFilter(self.decided)


class PausesParameters(ListParameters):
    def filter(self) -> PauseFilter:
        return PauseFilter()


class QuarantineParameters(ListParameters):
    origin: Word | None = None
    reason: Word | None = None
    since_ns: Moment | None = Field(None, alias="since")
    resolved: bool = False

    def filter(self) -> QuarantineFilter:
        return self.into(QuarantineFilter)


class DigestParameters(Parameters, Known):
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class NoParameters(Parameters):
    pass


class MomentParameters(Parameters, Known):
    """A tag, and a moment (default: now)."""

    registry: Word
    repository: Word
    tag: Word
    at_ns: Moment = Field(default_factory=time.time_ns, alias="at")
