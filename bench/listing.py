"""Lists of many tags and many repositories, beside docker-registry's: both serve one tree of files."""

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Report, spread
from bench.registry import SILENT, Server, ours, theirs
from bench.registry_client import digest_of

TAGS, REPOSITORIES, BESIDE = 100_000, 10_000, 100
"""`BESIDE`: repositories in one folder."""
PAGE = 100
_REPOSITORY = "bench/tags"
_LINK = digest_of(b"any manifest")


@dataclass(frozen=True, slots=True)
class List:
    """What is asked for, page by page if `whole`, and how many names that gives: docker-registry 2.8 pages no tags."""

    title: str
    path: str
    key: str
    names: int
    whole: bool = False
    theirs: int | None = None


_MIDDLE = f"last=team-{REPOSITORIES // BESIDE // 2:03d}/app-050"
_CATALOG, _TAGS = "/v2/_catalog", f"/v2/{_REPOSITORY}/tags/list"
_LISTS = (
    List(f"{TAGS:,} tags in one answer", _TAGS, "tags", TAGS),
    List(f"{PAGE} of them", f"{_TAGS}?n={PAGE}", "tags", PAGE, theirs=TAGS),
    List(f"{PAGE} from the middle", f"{_TAGS}?n={PAGE}&last=v{TAGS // 2:06d}", "tags", PAGE, theirs=TAGS),
    List(f"{PAGE} of {REPOSITORIES:,} repositories", f"{_CATALOG}?n={PAGE}", "repositories", PAGE),
    List(f"{PAGE} from the middle", f"{_CATALOG}?n={PAGE}&{_MIDDLE}", "repositories", PAGE),
    List("all of them, 1,000 a page", f"{_CATALOG}?n=1000", "repositories", REPOSITORIES + 1, whole=True),
)


def run(folder: Path, rounds: int, _seconds: float) -> Iterator[Report]:
    """Raises FileNotFoundError where docker-registry is not installed."""
    tree = folder / "tree"
    _plant(tree / "docker/registry/v2/repositories")
    with ExitStack() as stack:
        servers = [stack.enter_context(start(folder, SILENT)) for start in (ours, theirs)]
        for name in ("ours", "theirs"):
            _put_in_place(tree, folder / name / "storage")
        yield _compared(servers, rounds)


def _compared(servers: Sequence[Server], rounds: int) -> Report:
    report = Report("Lists beside docker-registry, ms", ("list", *(one.name for one in servers), "ratio"))
    for asked in _LISTS:
        took: dict[str, list[float]] = {server.name: [] for server in servers}
        for number in range(-1, rounds):
            for server in servers if number % 2 else servers[::-1]:
                seconds = _ask(server, asked)
                if number >= 0:  # the one before warms up
                    took[server.name].append(seconds * 1000)
        mine, other = took.values()
        ratios = [two / one for one, two in zip(mine, other, strict=True)]
        report.rows.append((asked.title, spread(mine, 1), spread(other, 1), spread(ratios, 1)))
        report.data[asked.path] = {"ms": took, "ratio": median(ratios)}
    report.notes += [
        f"{rounds} rounds of each in turn, one client; both serve the same files, which are in the page cache.",
        "docker-registry 2.8 knows no pages of tags: it answers with all of them, unsorted.",
    ]
    return report


def _ask(server: Server, asked: List) -> float:
    """Seconds until all names are here. Raises RuntimeError for another number of them."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    path, found = asked.path, 0
    began = time.perf_counter()
    while path:
        connection.request("GET", path)
        answer = connection.getresponse()
        found += len(json.loads(answer.read())[asked.key])
        path = _next(answer.getheader("Link")) if asked.whole else ""
    seconds = time.perf_counter() - began
    connection.close()
    wanted = asked.theirs if asked.theirs and server.name != "tagtrail" else asked.names
    if found != wanted:
        raise RuntimeError(f"{server.name} lists {found} names at {asked.path}, not {wanted}")
    return seconds


def _next(link: str | None) -> str:
    path = link.partition("<")[2].partition(">")[0] if link else ""
    return "/" + path.split("/", 3)[3] if "://" in path else path


def _plant(repositories: Path) -> None:
    """What distribution would have written of so many pushes, as far as lists look at it."""
    for number in range(REPOSITORIES):
        _tag(repositories / f"team-{number // BESIDE:03d}/app-{number % BESIDE:03d}", "latest")
    for number in range(TAGS):
        _tag(repositories / _REPOSITORY, f"v{number:06d}")


def _tag(repository: Path, name: str) -> None:
    (repository / "_layers").mkdir(parents=True, exist_ok=True)
    current = repository / "_manifests/tags" / name / "current"
    current.mkdir(parents=True)
    (current / "link").write_text(_LINK)


def _put_in_place(tree: Path, storage: Path) -> None:
    """Where a server looks for its files; it may have made the folder."""
    if storage.exists():
        storage.rmdir()
    storage.symlink_to(tree)
