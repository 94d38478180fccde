"""A registry's listener that keeps what it hears."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.registry.notify import Fact
from app.registry.registry import Registry


class Recorder:
    """`facts` in order. `before` and `after`: what storage showed of each when its writing began and ended."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.facts: list[Fact] = []
        self.before: list[bool] = []
        self.after: list[bool] = []
        self.failures: list[BaseException] = []

    @contextmanager
    def writing(self, facts: Sequence[Fact]) -> Iterator[None]:
        self.before += [self._registry.holds(fact) for fact in facts]
        try:
            yield
        except BaseException as error:
            self.failures.append(error)
            raise
        self.facts += facts
        self.after += [self._registry.holds(fact) for fact in facts]

    def pulled(self, fact: Fact) -> None:
        self.facts.append(fact)

    def take(self) -> list[tuple[str, ...]]:
        """The facts since the last call, each as its action, kind, repository, and tag and digest if it has them."""
        taken = [
            (fact.action, fact.kind, fact.repository)
            + ((fact.tag,) if fact.tag else ())
            + ((str(fact.descriptor.digest),) if fact.descriptor else ())
            for fact in self.facts
        ]
        self.facts.clear()
        return taken
