"""Which rules match, asked once for all changes that have in common what the rules look at."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from app.domain.rules import Rule, differs, facts, misplaced, varies
from app.domain.told import Told

MOST_REMEMBERED = 100_000
"""Places, and sorts of changes, of which it is remembered what rules make of them."""
_Asked = tuple[tuple[Rule, bool], ...]
"""Rules, and whether they look at more than `facts`."""


@dataclass(slots=True)
class Matching:
    """Of `rules` those that match, as `mismatch` says, for one who asks of a whole history."""

    rules: Sequence[Rule]
    _asked: _Asked = field(init=False)
    _by_place: dict[Hashable, _Asked] = field(default_factory=dict)
    _by_sort: dict[Hashable, _Asked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._asked = tuple((rule, varies(rule.when)) for rule in self.rules)

    def of(self, told: Told) -> list[Rule]:
        return [rule for rule, varying in self._of_its_sort(told) if not varying or differs(rule.when, told) is None]

    def _of_its_sort(self, told: Told) -> _Asked:
        sort = facts(told)
        found = self._by_sort.get(sort)
        if found is None:
            candidates = self._of_its_place(told)
            found = tuple(one for one in candidates if one[1] or differs(one[0].when, told) is None)
            _remember(self._by_sort, sort, found)
        return found

    def _of_its_place(self, told: Told) -> _Asked:
        place = told.registry, told.repository, told.tag, told.origin
        found = self._by_place.get(place)
        if found is None:
            found = tuple(one for one in self._asked if misplaced(one[0].when, told) is None)
            _remember(self._by_place, place, found)
        return found


def _remember(known: dict[Hashable, _Asked], key: Hashable, value: _Asked) -> None:
    """All is forgotten where it becomes too much."""
    if len(known) == MOST_REMEMBERED:
        known.clear()
    known[key] = value
