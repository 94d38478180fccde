"""What of a foreign file is understood, and a word about everything else in it. Pure."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from app.settings.values import Section
from app.settings.yamlfile import Where


@dataclass(frozen=True, slots=True)
class Verdict:
    """On a key that is known and not followed: what happens instead, or why it can't be passed over (`fatal`)."""

    text: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Remark:
    """`where` in the file something stands, and what there is to say about it."""

    where: Where
    text: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Sieve:
    """`verdicts` by path, without numbers of lists. `grave`: whether an unknown key at a path may hide something that
    was meant to protect.
    """

    verdicts: Mapping[str, Verdict]
    grave: Callable[[Where], bool]

    def sift(
        self, found: Mapping[str, Any], shape: type[Section], where: Where = ()
    ) -> tuple[dict[str, Any], list[Remark]]:
        """What `shape` can be made of, and remarks on the rest."""
        kept: dict[str, Any] = {}
        remarks: list[Remark] = []
        for key, value in found.items():
            at = (*where, key)
            verdict = self.verdicts.get(_dotted(at))
            if verdict:
                remarks += self._judged(at, value, verdict)
            elif key not in shape.model_fields:
                remarks.append(Remark(at, self._unknown(at, shape), self.grave(at)))
            else:
                below = [*_sections(shape.model_fields[key].annotation)]
                inner, more = self._below(value, below, at)
                remarks += more
                if inner not in ("", None):
                    kept[key] = inner
        return kept, remarks

    def _judged(self, at: Where, value: Any, verdict: Verdict) -> Iterator[Remark]:
        """One remark, or one a key below where some of them have verdicts of their own."""
        below = (
            {(*at, key): self.verdicts.get(_dotted((*at, key))) for key in value} if isinstance(value, Mapping) else {}
        )
        parts = below if any(below.values()) else {at: verdict}
        for where, own in parts.items():
            said = own or verdict
            yield Remark(where, said.text, said.fatal)

    def _below(self, value: Any, shapes: Sequence[type[Section]], at: Where) -> tuple[Any, list[Remark]]:
        """An empty section is one that says nothing; an empty value is none at all."""
        if not shapes:
            return value, []
        if isinstance(value, list):
            parts = [self._below(one, shapes, (*at, index)) for index, one in enumerate(value)]
            return [part for part, _ in parts], [remark for _, some in parts for remark in some]
        if value in ("", None):
            return {}, []
        return self.sift(value, shapes[0], at) if isinstance(value, Mapping) else (value, [])

    def _unknown(self, at: Where, shape: type[Section]) -> str:
        said = _dotted(at[:-1])
        beside = [path.rpartition(".")[2] for path in self.verdicts if path.rpartition(".")[0] == said]
        known = list(dict.fromkeys([*shape.model_fields, *beside]))
        near = difflib.get_close_matches(str(at[-1]), known, n=1, cutoff=0.5)
        return "unknown key; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}")


def _dotted(where: Where) -> str:
    return ".".join(part for part in where if isinstance(part, str))


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """The sections in a field's type: `Tls`, `Filesystem | None`, `tuple[Endpoint, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
