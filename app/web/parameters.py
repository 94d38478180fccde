"""What may stand in the query of an address, for the API and the pages. What is wrong is named, with what would do."""

import difflib
import time
from collections.abc import Sequence
from typing import Annotated, Self, TypeVar

from flask import request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.domain.changes import Kind
from app.domain.deliveries import Status
from app.domain.digests import Digest
from app.domain.errors import TagtrailError
from app.domain.times import parse_moment
from app.store.queries.changes import ChangeFilter
from app.store.queries.deliveries import DeliveryFilter
from app.store.queries.events import EventFilter
from app.store.queries.paging import Paging
from app.store.queries.quarantine import QuarantineFilter
from app.store.queries.tags import TagFilter

MOST = 1000
"""Rows in one answer."""


class ParameterError(TagtrailError):
    """A parameter of the address that can't be used."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter


def _moment(text: str) -> int:
    return parse_moment(text, time.time_ns())


def _digest(text: str) -> str:
    return str(Digest.parse(text))


Word = Annotated[str, Field(min_length=1)]
Moment = Annotated[int, BeforeValidator(_moment)]
DigestText = Annotated[str, AfterValidator(_digest)]


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
        return kind(**self.model_dump(exclude={"limit", "cursor"}))


class _Where(ListParameters):
    registry: Word | None = None
    repository: Word | None = None
    tag: Word | None = None
    digest: DigestText | None = None


class _When(BaseModel):
    since_ns: Moment | None = Field(None, alias="since")
    until_ns: Moment | None = Field(None, alias="until")


class EventParameters(_Where, _When):
    actor: Word | None = None
    action: Word | None = None
    origin: Word | None = None

    def filter(self) -> EventFilter:
        return self.into(EventFilter)


class ChangeParameters(_Where, _When):
    actor: Word | None = None
    kind: Kind | None = None
    origin: Word | None = None
    void: bool = False

    def filter(self) -> ChangeFilter:
        return self.into(ChangeFilter)


class LiveParameters(ChangeParameters):
    """Changes that are written from now on, or behind the seq `after`."""

    after: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    def filter(self) -> ChangeFilter:
        return ChangeFilter(**self.model_dump(exclude={"limit", "cursor", "after"}))


class TagParameters(_Where):
    removed: bool = False

    def filter(self) -> TagFilter:
        return self.into(TagFilter)


class DeliveryParameters(ListParameters):
    status: Status | None = None
    destination: Word | None = None
    since_ns: Moment | None = Field(None, alias="since")

    def filter(self) -> DeliveryFilter:
        return self.into(DeliveryFilter)


class QuarantineParameters(ListParameters):
    origin: Word | None = None
    reason: Word | None = None
    since_ns: Moment | None = Field(None, alias="since")
    resolved: bool = False

    def filter(self) -> QuarantineFilter:
        return self.into(QuarantineFilter)


class LimitParameters(Parameters):
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class NoParameters(Parameters):
    pass


class MomentParameters(Parameters):
    """A tag, and a moment (default: now)."""

    registry: Word
    repository: Word
    tag: Word
    at_ns: Moment = Field(default_factory=time.time_ns, alias="at")


class TagPageParameters(ListParameters):
    registry: Word
    repository: Word
    tag: Word
    at_ns: Moment | None = Field(None, alias="at")
    void: bool = False

    def filter(self) -> ChangeFilter:
        return ChangeFilter(self.registry, self.repository, self.tag, void=self.void)

