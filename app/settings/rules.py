"""What leads a change to its destinations."""

import hashlib
import zoneinfo
from collections.abc import Collection, Iterator
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from app.domain.openings import DAY_MINUTES, Opening
from app.domain.rules import PULLED, Rule
from app.settings.matching import WhenSection
from app.settings.values import Duration, Name, Section

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def check_days(text: str) -> str:
    """A day or a span of days, such as `mon-fri` or `sat-sun`. Raises ValueError."""
    first, _, last = text.lower().partition("-")
    if first not in DAYS or (last or first) not in DAYS:
        raise ValueError(f"{text[:30]!r} is no day: write {', '.join(DAYS)}, or a span such as mon-fri")
    return text


def minute_of_day(clock: object) -> int:
    """`09:30` as minutes; YAML itself reads an unquoted 17:00 so. Raises ValueError."""
    if isinstance(clock, str):
        hours, _, minutes = clock.partition(":")
        if hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and len(hours) <= 2 and int(minutes) < 60:
            clock = int(hours) * 60 + int(minutes)
    if not isinstance(clock, int) or isinstance(clock, bool) or not 0 <= clock <= DAY_MINUTES:
        raise ValueError("a time of day is written as '09:30', from '00:00' to '24:00'")
    return clock


def check_zone(name: str) -> str:
    """The name of a time zone. Raises ValueError."""
    if name not in zoneinfo.available_timezones():
        raise ValueError(f"no time zone is called {name[:60]!r}; write it as Europe/Berlin or UTC")
    return name


Minute = Annotated[int, BeforeValidator(minute_of_day)]


class OpeningSection(Section):
    """When deliveries of a rule may go; see Opening. All days unless said."""

    days: tuple[Annotated[str, AfterValidator(check_days)], ...] = ("mon-sun",)
    begin: Minute = Field(alias="from")
    end: Minute = Field(alias="to")
    zone: Annotated[str, AfterValidator(check_zone)] = "UTC"

    def built(self) -> Opening:
        days = frozenset(day for span in self.days for day in _span(span))
        return Opening(days, self.begin, self.end, self.zone)


def _span(text: str) -> Iterator[int]:
    first, _, last = text.lower().partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    for step in range((end - begin) % 7 + 1):
        yield (begin + step) % 7


class RuleSection(Section):
    name: Name
    when: WhenSection = WhenSection()
    deploy: tuple[str, ...] = ()
    alert: tuple[str, ...] = ()
    insecure: str | None = None
    windows: tuple[OpeningSection, ...] = ()
    paused: bool = False
    approve: Annotated[Duration, Field(gt=0)] | None = None
    allow_downgrade: bool = False
    confirm: bool | None = None
    _text: str = PrivateAttr("")

    @model_validator(mode="wrap")
    @classmethod
    def _keep_the_text(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        section = handler(data)
        if isinstance(data, dict):
            section._text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
        return section

    @model_validator(mode="after")
    def _clauses_can_hold(self) -> Self:
        top = self.when.built()
        for where, clauses in self.when.nested():
            _could_be("change", where, clauses.change, top.kinds)
            _could_be("provenance", where, clauses.provenance, top.provenances)
            if clauses.tag and clauses.tag.level:
                text = "level belongs to the rule's own tag:, not under all: or any:"
                raise PydanticCustomError("level", "{text}", {"text": text, "at": ("when", *where, "tag", "level")})
        return self

    @model_validator(mode="after")
    def _deploys_no_pull(self) -> Self:
        kinds = self.when.change or ()
        if self.deploy and PULLED in kinds:
            text = "a pull moves no tag, so nothing is deployed for it; have a rule of its own tell of pulls (alert:)"
            at = ("when", "change", kinds.index(PULLED))
            raise PydanticCustomError("pulled_deploy", "{text}", {"text": text, "at": at})
        return self

    def built(self) -> Rule:
        return Rule(
            name=self.name,
            when=self.when.built(),
            deploy=tuple(f"trigger:{name}" for name in self.deploy),
            alert=tuple(f"channel:{name}" for name in self.alert),
            version=hashlib.sha256(self._text.encode()).hexdigest()[:12],
            text=self._text,
            windows=tuple(one.built() for one in self.windows),
            paused=self.paused,
            approve_ns=self.approve,
            allow_downgrade=self.allow_downgrade,
            confirm=self.confirm,
        )


def _could_be(
    key: str, where: tuple[str | int, ...], named: Collection[str] | None, let_in: Collection[str] | None
) -> None:
    """What is named deeper must be let in by the rule's own clause."""
    for name in sorted(set(named or ()) - set(let_in or ())):
        raise PydanticCustomError(
            "never",
            "{name} never comes here; name it in the rule's own {clause}: too",
            {"name": name, "clause": key, "at": ("when", *where, key)},
        )
