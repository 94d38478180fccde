"""Reading a YAML file so that every complaint names its line."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from app.domain.errors import TagtrailError

Model = TypeVar("Model", bound=BaseModel)
Where = Sequence[int | str]
"""The keys, and numbers in lists, that lead to something in a file."""


class ConfigurationError(TagtrailError):
    """The configuration can't be used; the text names the file, the line and what would be right.

    `at`: where it is below the section that was read, for who knows where that one is; the text has it not yet.
    """

    def __init__(self, text: str, at: Where = ()) -> None:
        super().__init__(text)
        self.at = at


@contextmanager
def under(*keys: int | str) -> Iterator[None]:
    """Any error of ours as a ConfigurationError at `keys`."""
    try:
        yield
    except TagtrailError as error:
        raise ConfigurationError(str(error), (*keys, *getattr(error, "at", ()))) from None


def read(path: Path, model: type[Model], *, secrets: bool = True) -> Model:
    """The file as `model`. Its `secrets` are sought beside it, or stay references. Raises ConfigurationError."""
    tree, data = parse(path, yaml.SafeLoader)
    try:
        return model.model_validate({} if data is None else data, context={"folder": path.parent if secrets else None})
    except ValidationError as error:
        raise ConfigurationError(
            "\n".join(complaints(error, tree, lambda where: f"{path}:{line(tree, where)}"))
        ) from None


class Texts(yaml.SafeLoader):
    """Leaves scalars as they are written, for readers whose types say what they mean: `secret: 0123` is no number."""


Texts.yaml_implicit_resolvers = {
    letter: [(tag, form) for tag, form in known if tag.rpartition(":")[2] in ("merge", "null")]
    for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(path: Path, loader: type[yaml.SafeLoader]) -> tuple[yaml.Node | None, Any]:
    """The YAML of a file as nodes, which know their lines, and as values. Raises ConfigurationError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path}: can't be read: {reason}") from None
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.load(text, loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}{_marked(error)}: not YAML: {_problem(error)}") from None


def _marked(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error)


def complaints(error: ValidationError, tree: yaml.Node | None, told: Callable[[Where], str]) -> list[str]:
    """One a fault; `told` says which file and line, or what else, has the key at a path."""
    found = []
    for one in error.errors(include_url=False, include_input=False):
        context = one.get("ctx", {})
        parts = [*one["loc"], *context.get("at", ()), *([context["key"]] if "key" in context else [])]
        where = _written(tree, parts)
        shown = ".".join(str(part) for part in where)
        message = _WORDS.get(one["type"]) or one["msg"].removeprefix("Value error, ")
        found.append(f"{told(where)}: {shown + ': ' if shown else ''}{message}")
    return found


_WORDS = {
    "missing": "this key is missing",
    "tuple_type": "write a list",
    "dict_type": "write keys and their values under it",
    "model_type": "write keys and their values under it",
    "union_tag_not_found": "it has no kind:",
}
"""In place of what pydantic says."""


def _written(node: yaml.Node | None, told: Where) -> list[int | str]:
    """`told` without what pydantic puts in between: the `kind` by which it chose a section's shape."""
    where: list[int | str] = []
    for part in told:
        found = _child(node, part)
        if found is None and _child_value(node, "kind") == part:
            continue
        where.append(part)
        node = found[1] if found else None
    return where


def place(path: Path, where: Where) -> str:
    """`FILE:LINE: KEY.KEY` of something that was read from a file."""
    tree, _data = parse(path, yaml.SafeLoader)
    return f"{path}:{line(tree, where)}: {'.'.join(map(str, where))}"


def _child_value(node: yaml.Node | None, key: str) -> object:
    found = _child(node, key)
    return found[1].value if found else None


def line(node: yaml.Node | None, where: Where) -> int:
    """The line (from 1) of the last part of `where` that the file has."""
    at = node.start_mark.line if node else 0
    for part in where:
        found = _child(node, part)
        if found is None:
            break
        at, node = found
    return at + 1


def _child(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None
