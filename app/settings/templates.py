"""Templates of what is sent: Jinja2, cut down until no template can take long or grow without bound.

Allowed is what prints: names, attributes, slices, `~`, comparisons, `if`, a handful of filters, and one loop, over
`changes` or `tags`. There are no calls, no assignments, no arithmetic, no loop within a loop or over numbers, and no
filter within itself (each `tojson` doubles the backslashes of the one before), so the work is at most (length of the
template) x (length of the values) x (number of changes); besides, the output ends at MOST_CHARACTERS. The sandbox keeps
attributes that begin with an underscore out of reach, and StrictUndefined makes an unknown name an error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.domain.errors import TagtrailError
from app.domain.text import printable

MOST_CHARACTERS = 256 * 1024
MOST_TEXT = 16 * 1024
"""Characters of a template."""
_FILTERS = ("default", "first", "join", "last", "length", "lower", "tojson", "trim", "upper", "urlencode")
_WITH_ARGUMENTS = ("default", "join")
_TESTS = ("defined", "none", "eq", "equalto", "ne", "in")
BEGIN, END = "\x02", "\x03"
"""What `marked` puts around a value."""
_LOOPS = ("changes", "tags")
_PRINTING = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Filter, nodes.Test, nodes.Keyword, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.List, nodes.Tuple,
)  # fmt: skip


def _printed(value: Any) -> Any:
    return "" if value is None else value


def marked(value: Any) -> str:
    """A value as it is printed, on one line and between marks, which no value and no checked text holds."""
    return f"{BEGIN}{printable(str(_printed(value)))}{END}"


class InvalidTemplateError(TagtrailError, ValueError):
    """A text that is no template that may be used; says what is wrong in which of its lines."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(f"line {line} of the template: {reason}")


class RenderError(TagtrailError):
    """A template that fails on the values of a change, or makes too much of them."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with `{{ … }}`, checked. `names` are those that may stand in it."""

    text: str
    _compiled: Compiled = field(repr=False, compare=False)

    @classmethod
    def parse(
        cls, text: str, names: Sequence[str], *, json: bool = False, prints: Callable[[Any], Any] = _printed
    ) -> Self:
        """Raise InvalidTemplateError. `json`: every value must go through `tojson`. `prints`: how values are."""
        if len(text) > MOST_TEXT:
            raise InvalidTemplateError(f"it is longer than {MOST_TEXT} characters")
        try:
            tree = _environment(prints).parse(text)
            _check(tree, {*names, *_LOOPS}, json)
            return cls(text, _environment(prints).from_string(tree))
        except TemplateSyntaxError as error:
            raise InvalidTemplateError(str(error.message), error.lineno) from None
        except RecursionError:
            raise InvalidTemplateError("it is nested too deeply") from None

    def render(self, values: Mapping[str, Any]) -> str:
        """Raise RenderError."""
        pieces, size = [], 0
        try:
            for piece in self._compiled.generate(values):
                size += len(piece)
                if size > MOST_CHARACTERS:
                    raise RenderError(f"the template makes more than {MOST_CHARACTERS} characters")
                pieces.append(piece)
        except (TemplateError, TypeError, ValueError, LookupError) as error:
            raise RenderError(f"the template fails: {error}") from None
        return "".join(pieces)


@cache
def _environment(prints: Callable[[Any], Any]) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, finalize=prints)
    made.globals.clear()
    for known, wanted in ((made.filters, _FILTERS), (made.tests, _TESTS)):
        for name in set(known) - set(wanted):
            del known[name]
    return made


def _check(tree: nodes.Template, names: set[str], json: bool) -> None:
    targets = {loop.target.name for loop in tree.find_all(nodes.For) if isinstance(loop.target, nodes.Name)}
    known = names | targets | ({"loop"} if targets else set())
    for node in _walk(tree):
        reason = _refusal(node, known)
        if reason is None and json and isinstance(node, nodes.Output):
            reason = _not_json(node)
        if reason is not None:
            raise InvalidTemplateError(reason, node.lineno)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _refusal(node: nodes.Node, known: set[str]) -> str | None:
    """Why `node` may not stand in a template, or None."""
    match node:
        case nodes.Name(name=name) if name not in known:
            return f"no field is called {name!r}; known are {', '.join(sorted(known))}"
        case nodes.For() if not _is_short(node):
            return f"a loop goes over {' or '.join(_LOOPS)}, and has no other in it"
        case nodes.Filter(name=name) if node.args or node.kwargs or _nests(node):
            allowed = name in _WITH_ARGUMENTS and not _nests(node)
            return None if allowed else f"{name} stands alone: without arguments, and not within another {name}"
        case _ if not isinstance(node, _PRINTING):
            return f"{type(node).__name__.lower()} has no place in a template here"
    return None


def _is_short(node: nodes.For) -> bool:
    over = node.iter.name if isinstance(node.iter, nodes.Name) else None
    nested = node.find(nodes.For) or node.recursive
    return over in _LOOPS and not nested and isinstance(node.target, nodes.Name)


def _nests(node: nodes.Filter) -> bool:
    return any(inner.name == node.name for inner in node.find_all(nodes.Filter))


def _not_json(node: nodes.Output) -> str | None:
    for printed in node.nodes:
        through = isinstance(printed, nodes.Filter) and printed.name == "tojson"
        if not through and not isinstance(printed, nodes.TemplateData):
            return "in JSON every value goes through tojson: {{ tag | tojson }}"
    return None
