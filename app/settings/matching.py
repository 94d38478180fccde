"""`when:` of a rule: which changes it is about."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.domain.conditions import Condition
from app.domain.orders import Semver, Sorted, TagClause
from app.domain.patterns import Pattern, Regex
from app.domain.rules import DEFAULT_KINDS, When
from app.domain.versions import Range
from app.settings.values import Section


def _parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    """The text stays; whatever `parse` complains about is an error at its line."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


RegexText = Annotated[str, _parsed_by(Regex.parse)]
Ascending = Literal["asc", "desc"]


def _glob(given: object) -> object:
    return {"glob": given} if isinstance(given, str) else given


class PatternSection(Section):
    """A text is a glob: `*` stays within a path component, `**` crosses, `?` is one character."""

    glob: str | None = None
    regex: RegexText | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in _WAYS if getattr(self, name, None) is not None]
        if len(ways) != 1:
            known = ", ".join(name for name in _WAYS if name in type(self).model_fields)
            raise PydanticCustomError("one_way", "give one of {known}", {"known": known})
        return self

    @property
    def pattern(self) -> Pattern:
        return self.glob if self.glob is not None else Regex(self.regex or "")


_WAYS = ("glob", "regex", "semver", "alphabetical", "numerical")


class TagSection(PatternSection):
    """See Semver and Sorted in `app.domain.orders`."""

    semver: Annotated[str, _parsed_by(Range.parse)] | None = None
    level: Literal["major", "minor", "patch"] | None = None
    prerelease: bool = False
    force: bool = False
    alphabetical: Ascending | None = None
    numerical: Ascending | None = None
    extract: RegexText | None = None

    @model_validator(mode="after")
    def _what_goes_with_what(self) -> Self:
        if self.semver is None and (self.level or self.prerelease or self.force):
            raise PydanticCustomError("semver", "level, prerelease and force go with semver")
        if self.semver and not self.prerelease and Range.parse(self.semver).names_prerelease:
            raise PydanticCustomError("prerelease", "the range names a prerelease; add prerelease: true")
        if self.extract and not (self.alphabetical or self.numerical):
            raise PydanticCustomError("extract", "extract goes with alphabetical or numerical")
        if self.extract and Regex(self.extract).groups != 1:
            raise PydanticCustomError("extract", "extract has one group, which is the part that counts")
        return self

    @property
    def clause(self) -> TagClause:
        if self.semver is not None:
            return Semver(Range.parse(self.semver), self.level or "major", self.prerelease, self.force)
        extract = Regex(self.extract) if self.extract else None
        if self.alphabetical is not None:
            return Sorted("alphabetical", self.alphabetical == "desc", extract)
        if self.numerical is not None:
            return Sorted("numerical", self.numerical == "desc", extract)
        return self.pattern


def _listed(given: object) -> object:
    return [given] if isinstance(given, dict) else given


PatternField = Annotated[PatternSection, BeforeValidator(_glob)]


class WhenSection(Section):
    """`all`, `any` and `not` nest; `change` and `provenance` have their defaults in the rule's own clauses alone."""

    model_config = ConfigDict(validate_by_alias=True)

    registry: PatternField | None = None
    origin: PatternField | None = None
    repository: PatternField | None = None
    tag: Annotated[TagSection, BeforeValidator(_glob)] | None = None
    change: tuple[Literal["created", "moved", "removed", "restored", "pulled"], ...] | None = None
    provenance: tuple[Literal["observed", "derived", "resolved", "reconciled"], ...] | None = None
    actor: PatternField | None = None
    action: tuple[Literal["push", "pull", "mount", "delete", "observe"], ...] | None = None
    platform: PatternField | None = None
    expr: Annotated[str, _parsed_by(Condition.parse)] | None = None
    every: tuple["WhenSection", ...] = Field(default=(), alias="all")
    some: tuple["WhenSection", ...] = Field(default=(), alias="any")
    none: Annotated[tuple["WhenSection", ...], BeforeValidator(_listed)] = Field(default=(), alias="not")

    def built(self, *, nested: bool = False) -> When:
        return When(
            registry=_pattern(self.registry),
            origin=_pattern(self.origin),
            repository=_pattern(self.repository),
            tag=self.tag.clause if self.tag else None,
            kinds=_chosen(self.change, None if nested else DEFAULT_KINDS),
            provenances=_chosen(self.provenance, None if nested else frozenset({"observed"})),
            actor=_pattern(self.actor),
            actions=_chosen(self.action, None),
            platform=_pattern(self.platform),
            condition=Condition.parse(self.expr) if self.expr is not None else None,
            every=tuple(one.built(nested=True) for one in self.every),
            some=tuple(one.built(nested=True) for one in self.some),
            none=tuple(one.built(nested=True) for one in self.none),
        )

    def nested(self) -> Iterator[tuple[tuple[str | int, ...], "WhenSection"]]:
        """(where, clauses) of all that is under `all` and `any`."""
        for key, sections in (("all", self.every), ("any", self.some)):
            for index, one in enumerate(sections):
                yield (key, index), one
                for where, deeper in one.nested():
                    yield (key, index, *where), deeper


def _pattern(section: PatternSection | None) -> Pattern | None:
    return section.pattern if section else None


def _chosen(given: tuple[str, ...] | None, default: frozenset[str] | None) -> Any:
    return default if given is None else frozenset(given)
