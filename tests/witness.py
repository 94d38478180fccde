"""What was delivered, counted from PostgreSQL's rows and from what listeners heard. Shares no code with the product."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from listener import Heard

END = "delivery:"
"""Begins the id of what is told of a deploy's end: its delivery's id and status follow."""
FINAL = {"delivered", "dead", "superseded"}
_WATCH = """
CREATE TABLE witness (number bigserial PRIMARY KEY, id text, was text, becomes text, same boolean);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO witness (id, was, becomes, same) VALUES (NEW.id, NULL, NEW.status, true);
  ELSIF NEW.status <> OLD.status OR NEW.body <> OLD.body THEN
    INSERT INTO witness (id, was, becomes, same) VALUES (NEW.id, OLD.status, NEW.status, NEW.body = OLD.body);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION witness();
"""


@dataclass(frozen=True)
class Witness:
    """Notes by a trigger of the database's own each state that a delivery has ever had."""

    url: str

    def begin(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_WATCH)

    def rows(self, query: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def end_leases_of_confirmed(self) -> None:
        """Pass the minutes that a registry has to answer, for whoever was killed while it did."""
        self.rows("UPDATE deliveries SET leased_until_ns = 0 WHERE confirm AND leased_until_ns > 0 RETURNING id")

    def settled(self) -> bool:
        ((open_ones,),) = self.rows(
            "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM window_changes)"
            " + (SELECT count(*) FROM deliveries WHERE status = 'pending')"
        )
        return bool(open_ones == 0)

    def deliveries_of(self, destination: str) -> Counter[str]:
        """How many deliveries tell what happened to each tag; not how a deploy of it ended."""
        said = f"destination = '{destination}' AND subject NOT LIKE '{END}%'"
        rows = self.rows(f"SELECT tag FROM delivery_changes WHERE {said}")
        return Counter(tag for (tag,) in rows)

    def ends_of(self, rule: str) -> dict[str, int]:
        """What is to be told, once, of the ends of a rule's deploys."""
        rows = self.rows(f"SELECT id, status FROM deliveries WHERE purpose = 'deploy' AND rule = '{rule}'")
        return {f"{END}{identity}:{status}": 1 for identity, status in rows}

    def ended_once(self) -> set[str]:
        """The ids of all deliveries; fails where one had no final state, or a state after it, or other bytes."""
        states: dict[str, list[str]] = defaultdict(list)
        for identity, becomes, same in self.rows("SELECT id, becomes, same FROM witness ORDER BY number"):
            assert same, f"{identity} changed its bytes"
            states[identity].append(becomes)
        for identity, had in states.items():
            assert had[-1] in FINAL, (identity, had)
            assert not FINAL & set(had[:-1]), (identity, had)
        return set(states)


def said(heard: Iterable[Heard]) -> dict[str, tuple[bytes, int]]:
    """By `webhook-id`, its bytes and how often they came; fails where an id came with other bytes."""
    found: dict[str, tuple[bytes, int]] = {}
    for one in heard:
        identity = one.headers["webhook-id"]
        body, times = found.get(identity, (one.body, 0))
        assert body == one.body, f"{identity} came with other bytes"
        found[identity] = body, times + 1
    return found


def tags_told(bodies: Iterable[bytes]) -> Counter[str]:
    """How often it is told what happened to each tag."""
    return Counter(one["tag"] for one in _told(bodies) if not one["change_id"].startswith(END))


def ends_told(bodies: Iterable[bytes]) -> Counter[str]:
    """How often the end of each deploy is told."""
    return Counter(one["change_id"] for one in _told(bodies) if one["change_id"].startswith(END))


def _told(bodies: Iterable[bytes]) -> Iterator[Any]:
    for body in bodies:
        data = json.loads(body)["data"]
        yield from (data, *data["also"])
