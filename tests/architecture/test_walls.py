"""The walls between the rooms, and their size: what a reader may count on."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(path for room in ("app", "workers") for path in (ROOT / room).rglob("*.py"))

MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 50
NINTH_DECILE_OF_FUNCTIONS = 25

Length = tuple[int, str]


def test_the_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def functions() -> list[Length]:
    """(lines, where) of every function, without its decorators and with its docstring."""
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                found.append((lines, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"))
    return sorted(found, reverse=True)


def told(lengths: list[Length]) -> str:
    return "\n".join(f"{lines:4} {where}" for lines, where in lengths)


def test_there_is_something_to_measure() -> None:
    assert len(FILES) > 80
    assert len(functions()) > 400


def test_functions_are_short() -> None:
    lengths = functions()
    decile = lengths[len(lengths) // 10]
    assert decile[0] <= NINTH_DECILE_OF_FUNCTIONS, told(lengths[: len(lengths) // 10])


def test_no_function_is_long() -> None:
    assert not (offenders := [one for one in functions() if one[0] > MOST_LINES_OF_A_FUNCTION]), told(offenders)


def test_no_file_is_long() -> None:
    lengths = [(len(path.read_text().splitlines()), str(path.relative_to(ROOT))) for path in FILES]
    assert not (offenders := sorted(one for one in lengths if one[0] > MOST_LINES_OF_A_FILE)), told(offenders)


def test_nothing_is_built_at_import() -> None:
    """No module makes a client, an app, an engine or a thread when it is imported (decision 20); wsgi makes on call."""
    built = {"Flask", "Door", "Redis", "Thread", "ThreadPoolExecutor", "create_engine", "make_engine", "make_services"}
    offenders = []
    for path in FILES:
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
                for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
                    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                    if name in built:
                        offenders.append(f"{path.relative_to(ROOT)}:{call.lineno} {name}")
    assert offenders == []


def test_each_role_imports_only_its_part() -> None:
    """Memory: what a process never uses it never loads."""
    unwanted = {
        "app.cli": {"sqlalchemy.orm", "flask", "granian", "rq", "httpcore", "alembic"},
        "app.web.factory": {"rq", "redis", "httpcore", "alembic", "rich"},
        "workers.relay": {"flask", "granian", "alembic", "click", "rich"},
        "workers.work": {"flask", "granian", "alembic", "rich"},
        "workers.keeper": {"flask", "granian", "alembic", "rich", "rq", "redis"},
        "app.web.alone": {"rq", "redis", "httpcore", "alembic", "rich"},
    }
    for module, others in unwanted.items():
        code = f"import sys, {module}; print(sorted(set(sys.modules) & {others!r}))"
        done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", module
