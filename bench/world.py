"""A made history: some hundreds of repositories over two years, of which a few have most of what happens.

The same number gives the same history. Deeds come in the order in which they are received; what they do to tags
is folded as they come, by the domain's own fold.
"""

import heapq
import random
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate

from app.domain.changes import TagKey
from bench.annals import Annals
from bench.told import BLOB, JOURNALED, MANIFEST, ORIGINS, Deed

REPOSITORIES = 400
BEGIN_NS = 1_709_280_000 * 10**9
"""2024-03-01."""
SPAN_NS = 2 * 365 * 86_400 * 10**9
MOVING = ("latest", "main", "stable", "nightly")
_TEAMS = ("shop", "platform", "data", "mobile", "search", "infra", "ml", "billing")
_KINDS = ("web", "api", "worker", "cron", "gateway", "proxy", "import", "report", "auth", "feed")
_SHARES = {"prod": 55, "edge": 10, "local": 10, "harbor": 25}
_KEPT = 300
"""How many releases and old digests of a repository are still spoken of."""


@dataclass(slots=True)
class Place:
    """A repository as the world knows it. `gone`: tags that were removed."""

    origin: str
    registry: str
    name: str
    moving: tuple[str, ...]
    releases: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    digests: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    gone: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    released: int = 0

    def key(self, tag: str) -> TagKey:
        return TagKey(self.registry, self.name, tag)


class World:
    """`deeds` happen once; `annals` is what came of them."""

    def __init__(self, events: int, behind: int = 0) -> None:
        """`behind`: go on where so many events have been, but knowing nothing of them."""
        self.events, self._behind = events, behind
        self.annals = Annals()
        self._random = random.Random(20)
        self._places = [self._place(number) for number in range(REPOSITORIES)]
        self._place_weights = list(accumulate(1 / (rank + 1) for rank in range(REPOSITORIES)))
        self._acts: list[Callable[[Place, int], Deed | None]] = [act for act, _ in self._weighted()]
        self._act_weights = list(accumulate(weight for _, weight in self._weighted()))
        self._held: list[tuple[int, int, Deed]] = []
        self._queue: deque[Deed] = deque()
        self._digests = self._numbers = behind

    def _weighted(self) -> tuple[tuple[Callable[[Place, int], Deed | None], float], ...]:
        """What happens how often, in percent; after a delete of a manifest comes the one of its tag."""
        return (
            (self._pull_tag, 57), (self._look, 14), (self._pull_digest, 17), (self._pull_blob, 2), (self._push_blob, 2),
            (self._move, 4.3), (self._release, 2.8), (self._push_again, 0.4), (self._move_release, 0.03),
            (self._delete_tag, 0.15), (self._delete_manifest, 0.1), (self._restore, 0.1), (self._move_late, 0.12),
        )

    def deeds(self) -> Iterator[Deed]:
        """All of them, numbered from 1, or on."""
        now_ns, pace = BEGIN_NS + (SPAN_NS if self._behind else 0), SPAN_NS // max(self.events + self._behind, 1)
        for seq in range(self._behind + 1, self._behind + self.events + 1):
            now_ns += 1 + int(self._random.expovariate(1 / pace))
            deed = self._next(now_ns)
            self._numbers += deed.origin == JOURNALED
            deed = deed._replace(
                seq=seq, received_ns=now_ns, number=self._numbers if deed.origin == JOURNALED else 0
            )
            self.annals.note(deed)
            yield deed

    def _next(self, now_ns: int) -> Deed:
        if self._queue:
            return self._queue.popleft()
        if self._held and self._held[0][0] <= now_ns:
            return heapq.heappop(self._held)[2]
        while True:
            place = self._places[self._pick(self._place_weights)]
            deed = self._acts[self._pick(self._act_weights)](place, now_ns - self._lag())
            if deed is not None:
                return deed

    def _pick(self, weights: list[float]) -> int:
        return bisect(weights, self._random.random() * weights[-1])

    def _lag(self) -> int:
        """How much earlier it happened than it is received: some 200 ms, seldom seconds."""
        return 20_000_000 + int(self._random.expovariate(1 / 200e6))

    def _place(self, number: int) -> Place:
        names, shares = list(_SHARES), list(_SHARES.values())
        origin = self._random.choices(names, shares)[0] if number > 3 else names[number]
        name = f"{_TEAMS[number % 8]}/{_KINDS[number // 8 % 10]}-{number}"
        return Place(origin, ORIGINS[origin].registries[0], name, MOVING[: 2 + number % 3])

    def _deed(self, place: Place, action: str, time_ns: int, tag: str | None, digest: str | None) -> Deed:
        pulls = action == "pull"
        client = self._random.randrange(2000)
        actor = self._puller(client) if pulls else self._pusher(place, client)
        media_type = MANIFEST if action != "delete" and place.origin != "harbor" else None
        if place.origin == "harbor":
            actor = actor or "robot$pull"
        return Deed(0, place.origin, action, place.name, tag, digest, media_type, actor, client, False, 0, time_ns, 0)

    def _puller(self, client: int) -> str | None:
        """Most pull as nobody."""
        return None if client % 10 < 6 else f"node-{client % 300}"

    def _pusher(self, place: Place, client: int) -> str:
        return f"ci-{place.name.partition('/')[0]}" if client % 10 else f"dev-{client % 70}"

    def _new_digest(self, place: Place) -> str:
        self._digests += 1
        digest = f"sha256:{sha256(str(self._digests).encode()).hexdigest()}"
        place.digests.append(digest)
        return digest

    def _present(self, place: Place, tag: str) -> str | None:
        return self.annals.present(place.key(tag))

    def _named(self, place: Place) -> str:
        """A tag that people ask for: one that moves, or a release, rather a new one."""
        if place.releases and self._random.random() < 0.35:
            return place.releases[-1 - min(int(self._random.expovariate(0.1)), len(place.releases) - 1)]
        return place.moving[int(self._random.random() ** 2 * len(place.moving))]

    def _pull_tag(self, place: Place, time_ns: int) -> Deed | None:
        tag = self._named(place)
        digest = self._present(place, tag)
        return None if digest is None else self._deed(place, "pull", time_ns, tag, digest)

    def _look(self, place: Place, time_ns: int) -> Deed | None:
        """A HEAD; Harbor tells of none."""
        found = self._pull_tag(place, time_ns)
        return None if found is None or place.origin == "harbor" else found._replace(head=True)

    def _pull_digest(self, place: Place, time_ns: int) -> Deed | None:
        """What a node has pinned: often what a moving tag is or was."""
        if not place.digests:
            return None
        back = min(int(self._random.expovariate(0.1)), len(place.digests) - 1)
        return self._deed(place, "pull", time_ns, None, place.digests[-1 - back])

    def _blob(self, place: Place, action: str, time_ns: int) -> Deed | None:
        if place.origin == "harbor":
            return None
        digest = f"sha256:{sha256(f'{place.name} {self._random.randrange(500)}'.encode()).hexdigest()}"
        return self._deed(place, action, time_ns, None, digest)._replace(media_type=BLOB)

    def _pull_blob(self, place: Place, time_ns: int) -> Deed | None:
        return self._blob(place, "pull", time_ns)

    def _push_blob(self, place: Place, time_ns: int) -> Deed | None:
        return self._blob(place, "push", time_ns)

    def _move(self, place: Place, time_ns: int) -> Deed:
        tag = place.moving[int(self._random.random() ** 2 * len(place.moving))]
        return self._deed(place, "push", time_ns, tag, self._new_digest(place))

    def _move_late(self, place: Place, time_ns: int) -> None:
        """A move that is received minutes to hours after it happened."""
        delay = int(self._random.uniform(300, 10_800) * 1e9)
        heapq.heappush(self._held, (time_ns + delay, len(self._held) + self._digests, self._move(place, time_ns)))

    def _release(self, place: Place, time_ns: int) -> Deed:
        """A new version: mostly what `latest` is, under another name."""
        place.released += 1
        tag = f"v{place.released // 400}.{place.released // 20 % 20}.{place.released % 20}"
        place.releases.append(tag)
        promoted = self._present(place, place.moving[0]) if self._random.random() < 0.6 else None
        return self._deed(place, "push", time_ns, tag, promoted or self._new_digest(place))

    def _push_again(self, place: Place, time_ns: int) -> Deed | None:
        tag = self._named(place)
        digest = self._present(place, tag)
        return None if digest is None else self._deed(place, "push", time_ns, tag, digest)

    def _standing(self, place: Place) -> str | None:
        """A release that is there."""
        tag = self._random.choice(place.releases) if place.releases else None
        return tag if tag and self._present(place, tag) else None

    def _move_release(self, place: Place, time_ns: int) -> Deed | None:
        tag = self._standing(place)
        return None if tag is None else self._deed(place, "push", time_ns, tag, self._new_digest(place))

    def _delete_tag(self, place: Place, time_ns: int) -> Deed | None:
        """Harbor tells of no tag's delete."""
        tag = self._standing(place)
        if tag is None or place.origin == "harbor":
            return None
        place.gone.append(tag)
        return self._deed(place, "delete", time_ns, tag, None)

    def _delete_manifest(self, place: Place, time_ns: int) -> Deed | None:
        tag = self._standing(place)
        digest = tag and self._present(place, tag)
        if tag is None or digest is None:
            return None
        place.gone.append(tag)
        if place.origin != "harbor":
            self._queue.append(self._deed(place, "delete", time_ns + 1_000_000, tag, None))
        return self._deed(place, "delete", time_ns, None, digest)

    def _restore(self, place: Place, time_ns: int) -> Deed | None:
        tag = self._random.choice(place.gone) if place.gone else None
        if tag is None or self._present(place, tag):
            return None
        return self._deed(place, "push", time_ns, tag, self._random.choice(place.digests))

