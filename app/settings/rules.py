"""What leads a change to its destinations."""

from typing import Annotated, Literal

from pydantic import Field

from app.settings.values import Duration, Name, Section


class WhenSection(Section):
    registry: str | None = None
    origin: str | None = None
    repository: str | None = None
    tag: str | None = None
    change: tuple[Literal["created", "moved", "removed", "restored", "pulled"], ...] = ("created", "moved", "restored")
    provenance: tuple[Literal["observed", "derived", "resolved", "reconciled"], ...] = ("observed",)


class RuleSection(Section):
    name: Name
    when: WhenSection = WhenSection()
    deploy: tuple[str, ...] = ()
    alert: tuple[str, ...] = ()
    insecure: str | None = None
    confirm: bool | None = None
    paused: bool = False
    approve: Annotated[Duration, Field(gt=0)] | None = None
