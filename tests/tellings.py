"""Changes as messages tell them, for the tests of sinks."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from app.domain.told import Deploy, Notice, Told

BEFORE = "sha256:" + "1b6ef1054860" + "0" * 52
AFTER = "sha256:" + "9f86d081884c" + "0" * 52

MOVED = Told(
    change_id="chg-1",
    kind="moved",
    registry="registry.example:5000",
    repository="shop/web",
    tag="stable",
    before=BEFORE,
    after=AFTER,
    actor="alice",
    origin="prod",
    time_ns=1_795_464_407_474_000_000,
    rule="web",
    event_id="0e2f1d5c",
    link="https://tagtrail.example/c/chg-1",
    media_type="application/vnd.oci.image.index.v1+json",
)


def told(**changed: Any) -> Told:
    return replace(MOVED, **changed)


_HOSTILE = st.text() | st.sampled_from(
    [
        "<!channel>",
        "<@U024BE7LH>",
        "&lt;!here&gt;",
        "`*x*`",
        "a\nb\r\x00\x1b[31m",
        "<" * 400,
        "&" * 5000,
        "\u202ex",
    ]
)

TOLD = st.builds(
    Told,
    change_id=_HOSTILE,
    kind=st.sampled_from(["created", "moved", "removed", "restored", "pulled"]) | _HOSTILE,
    registry=_HOSTILE,
    repository=_HOSTILE,
    tag=_HOSTILE | st.none(),
    before=_HOSTILE | st.just(BEFORE),
    after=_HOSTILE | st.just(AFTER),
    actor=_HOSTILE | st.none(),
    origin=_HOSTILE,
    time_ns=st.integers(0, 250_000_000_000_000_000_000),
    rule=_HOSTILE,
    event_id=_HOSTILE,
    link=_HOSTILE | st.none() | _HOSTILE.map(lambda text: f"https://h/{text}"),
    media_type=_HOSTILE | st.none(),
    before_link=_HOSTILE | st.none() | _HOSTILE.map(lambda text: f"https://h/{text}"),
    after_link=_HOSTILE | st.none() | _HOSTILE.map(lambda text: f"https://h/{text}"),
    deploy=st.none()
    | st.builds(
        Deploy,
        trigger=_HOSTILE,
        delivery_id=_HOSTILE,
        tries=st.integers(0, 10_000),
        detail=_HOSTILE,
        also=st.lists(_HOSTILE, max_size=8).map(tuple),
    ),
)
"""Changes whose texts may hold anything."""

NOTICE = st.builds(
    Notice,
    kind=_HOSTILE,
    about=_HOSTILE,
    text=_HOSTILE,
    time_ns=st.integers(0, 250_000_000_000_000_000_000),
    link=_HOSTILE | st.none(),
)
