"""Spoilt bodies of every sender, by the million: `python tests/mutations.py --count 1000000 --seed 7`.

Whatever is sent: no exception escapes, something comes of it (events, an answer or a fault: nothing authentic is lost),
and no event has a tag or a digest that the sender did not write.
"""

import argparse
import json
import random
import re
import time
from base64 import b64decode, b64encode
from binascii import Error as NoBase64Error
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import envelopes_on_disk
import origins_on_disk

from app.domain.events import Report, Scope
from app.domain.origins import AUTO, GENERIC, Expressions
from app.domain.text import storable
from app.envelopes import DIALECTS, Reading, Received, parse

DIGEST = "sha256:" + "5e" * 32
ODD: list[Any] = [
    None, True, False, 0, -1, 7, 2**63, 10**400, 1.10, 1e308, float("nan"), float("inf"), [], {}, [[]], [None],
    {"a": {}}, "", " ", ".", "a" * 300, "é" * 600, "x" * 5000, "\x00", "a\x00b", "\ud800", "\udfff!", "\u202e",
    "\x1b[31m", "a\r\nb", "\\u0000", "%00",
    "sha256:x", "sha256:" + "5E" * 32, DIGEST, [DIGEST], {"sha256": DIGEST}, ":", "@", "/", "a:b", "a/b@" + DIGEST,
    "push", "PUSH", "delete", "DELETE", "INSERT", "observe", "docker", "latest", "1.10", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z", "2026-02-30T25:61:61+99:99", "yesterday", "https://", "http://[", "//u:p@h:x/y",
    "'; DROP TABLE tags; --", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "<!channel>", "${env:PATH}",
]  # fmt: skip
NUMBER = re.compile(rb"\d+")
STRING_KEY = re.compile(rb'"[^"\\]*"\s*:')
DEPTHS = (50, 400, 990, 20_000)


@dataclass(frozen=True, slots=True)
class Sample:
    kind: str
    name: str
    sent: Received
    expressions: Expressions | None


def samples() -> list[Sample]:
    """Every fixture of every sender."""
    found = [
        Sample(kind, name, origins_on_disk.received(kind, name), origins_on_disk.EXPRESSIONS.get(name))
        for kind in origins_on_disk.kinds()
        for name in origins_on_disk.names(kind)
    ]
    for generation in envelopes_on_disk.GENERATIONS:
        for name in sorted(envelopes_on_disk.names(generation)):
            body = envelopes_on_disk.body(generation, name)
            found.append(Sample("distribution", f"{generation}/{name}", Received(body), None))
    return found


# How a body is spoilt


def spoilt(sent: Received, other: Received, rng: random.Random) -> Received:
    """`sent` with a few things changed in its JSON, its bytes or its headers; some come from `other`."""
    body = sent.body
    for _ in range(rng.choice((1, 1, 2, 4))):
        body = rng.choice(WAYS)(body, other.body, rng)
    headers = dict(sent.headers)
    if headers and rng.random() < 0.2:
        headers[rng.choice(sorted(headers))] = storable(str(rng.choice(ODD)))
    return Received(body, headers)


def _value(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _dumped(value: Any, rng: random.Random) -> bytes:
    return json.dumps(value, ensure_ascii=rng.random() < 0.8).encode("utf-8", "surrogatepass")


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything inside."""
    found, waiting = [], [value]
    while waiting:
        inside = waiting.pop()
        keys = list(inside) if isinstance(inside, dict) else range(len(inside)) if isinstance(inside, list) else ()
        for key in keys:
            found.append((inside, key))
            waiting.append(inside[key])
    return found


def changes_a_value(body: bytes, other: bytes, rng: random.Random) -> bytes:
    value = _value(body)
    found = places(value)
    if not found:
        return _dumped(rng.choice(ODD), rng)
    container, key = rng.choice(found)
    match rng.randrange(6):
        case 0:
            del container[key]
        case 1:
            inside, taken = rng.choice(found)
            container[key] = json.loads(json.dumps(inside[taken]))
        case 2:
            container[key] = [container[key]]
        case 3:
            container[key] = {str(key): container[key]}
        case 4:
            foreign = places(_value(other))
            inside, taken = rng.choice(foreign) if foreign else (ODD, 0)
            container[key] = inside[taken]
        case _:
            container[key] = rng.choice(ODD)
    return _dumped(value, rng)


def changes_a_text(body: bytes, _: bytes, rng: random.Random) -> bytes:
    """One text inside, cut, doubled, or with something odd in its middle."""
    value = _value(body)
    found = [(inside, key) for inside, key in places(value) if isinstance(inside[key], str)]
    if not found:
        return body
    container, key = rng.choice(found)
    text = container[key]
    at = rng.randrange(len(text) + 1)
    odd = str(rng.choice(ODD))[:400]
    container[key] = rng.choice((text[:at], text[at:], text + text, text[:at] + odd + text[at:], text.upper()))
    return _dumped(value, rng)


def repeats_a_key(body: bytes, _: bytes, rng: random.Random) -> bytes:
    keys = list(STRING_KEY.finditer(body))
    if not keys:
        return body
    key = rng.choice(keys)
    return body[: key.start()] + key.group() + _dumped(rng.choice(ODD), rng) + b", " + body[key.start() :]


def grows_a_number_or_nests(body: bytes, _: bytes, rng: random.Random) -> bytes:
    numbers = list(NUMBER.finditer(body))
    if numbers and rng.random() < 0.5:
        number = rng.choice(numbers)
        return body[: number.start()] + b"9" * rng.choice((20, 400, 5000)) + body[number.end() :]
    colons = [match.end() for match in STRING_KEY.finditer(body)] or [0]
    at, depth = rng.choice(colons), rng.choice(DEPTHS)
    opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return body[:at] + opened * depth + b"0" + closed * depth + b"," + body[at:]


def changes_bytes(body: bytes, other: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(body) + 1), rng.randrange(1, 40)
    match rng.randrange(5):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + body[at + length :]
        case 2:
            return body[:at] + rng.randbytes(rng.randrange(1, 5)) + body[at:]
        case 3:
            return body[:at] + body[at : at + length] + body[at:]
        case _:
            flipped = bytearray(body or other)
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)


def changes_a_message(body: bytes, other: bytes, rng: random.Random) -> bytes:
    """What Pub/Sub wraps, spoilt inside its base64."""
    value = _value(body)
    inner = _message(value)
    if inner is None:
        return changes_a_value(body, other, rng)
    way = rng.choice((changes_a_value, changes_a_text, repeats_a_key, changes_bytes))
    value["message"]["data"] = b64encode(way(inner, other, rng)).decode()
    return _dumped(value, rng)


WAYS: list[Callable[[bytes, bytes, random.Random], bytes]] = [
    changes_a_value, changes_a_value, changes_a_value, changes_a_text, changes_a_text, repeats_a_key,
    grows_a_number_or_nests, changes_bytes, changes_bytes, changes_a_message,
]  # fmt: skip


def _message(value: Any) -> bytes | None:
    try:
        return b64decode(value["message"]["data"], validate=True)
    except (KeyError, TypeError, NoBase64Error, ValueError):
        return None


# What must hold


def check(kind: str, sent: Received, found: Reading) -> None:
    assert found.reports or found.faults or found.answer is not None, "something authentic was lost"
    for fault in found.faults:
        assert "\n" not in fault
        fault.encode("utf-8")
    if found.reports:
        bodies = [sent.body]
        inner = _message(_value(sent.body))
        if inner is not None:
            bodies.append(inner)
        written = "\x00".join(text for body in bodies for text in _texts(body))
        for report in found.reports:
            _check_report(kind, report, bodies, written)


def _check_report(kind: str, report: Report, bodies: list[bytes], written: str) -> None:
    assert any(report.raw in body for body in bodies)
    assert report.tag is None or (_stands(report.tag, written) and ":" not in report.tag and report.tag)
    assert report.digest is None or _is_written(kind, report.digest, written)
    assert report.scope is not Scope.TAG or (report.tag and report.action in ("push", "delete"))
    assert report.scope is not Scope.MANIFEST or (report.digest and report.action == "delete")
    assert report.scope is None or report.repository
    assert report.action != "push" or report.scope is None or report.digest
    for name in Report.__dataclass_fields__:
        value = getattr(report, name)
        if isinstance(value, str):
            assert "\x00" not in value
            assert len(value.encode("utf-8")) <= 4 * 2048
        if isinstance(value, int) and name != "time_ns":
            assert 0 <= value < 2**63
    for name in ("repository", "tag", "actor", "host", "id"):
        assert len((getattr(report, name) or "").encode()) <= 1024


def _stands(tag: str, written: str) -> bool:
    """As a text of its own, or as the tag of a reference: never as a part of something else."""
    return re.search(rf"(?:^|[\x00:/]){re.escape(tag)}(?:$|[\x00@])", written) is not None


def _is_written(kind: str, digest: str, written: str) -> bool:
    """JFrog writes the hexadecimal part alone."""
    return digest in written or (kind in ("jfrog", AUTO) and digest.removeprefix("sha256:") in written)


def _texts(body: bytes) -> Iterator[str]:
    """Every text of a JSON body, those under a repeated key too, with what can't be stored as `report` writes it."""
    waiting: list[Any] = [json.loads(body, object_pairs_hook=lambda pairs: [list(pair) for pair in pairs])]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        if isinstance(value, str):
            yield re.sub("[\x00\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", value)


def run(count: int, seed: int) -> Counter[str]:
    """How many of `count` bodies of each kind gave events, answers or faults; raises for one that breaks a rule."""
    corpus = samples()
    tally: Counter[str] = Counter()
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        sample = corpus[number % len(corpus)]
        sent = spoilt(sample.sent, rng.choice(corpus).sent, rng)
        kind = rng.choice((sample.kind,) * 6 + (AUTO,) * 3 + (rng.choice([*DIALECTS, GENERIC]),))
        expressions = sample.expressions or origins_on_disk.EXPRESSIONS["batch"]
        try:
            found = parse(kind, sent, expressions)
            check(kind, sent, found)
        except Exception as error:
            error.add_note(f"body {number} of seed {seed}, from {sample.kind}/{sample.name}, read as {kind}: {sent!r}")
            raise
        outcome = "events" if found.reports else "faults" if found.faults else "answers"
        tally[f"{kind}: {outcome}"] += 1
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    print(f"{given.count} bodies, seed {given.seed}", flush=True)
    started = time.monotonic()
    for line, found in sorted(run(given.count, given.seed).items()):
        print(f"{line:24}{found:10}")
    print(f"held for {given.count} bodies of seed {given.seed} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
