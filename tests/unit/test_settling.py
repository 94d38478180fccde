"""What becomes of changes that came together."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from tellings import told

from app.domain.fan_out import MOVED_ON, PENDING
from app.domain.settling import MOST_IN_A_MESSAGE, Group, Member, alerts, deploys

INDEX, AMD, ARM = ("sha256:" + letter * 64 for letter in "abc")


def member(subject: str, digest: str, outcome: str = PENDING) -> Member:
    return Member(subject, told(tag=subject, after=digest), "web", "1", outcome)


def shown(groups: Sequence[Group]) -> list[tuple[str, str, str | None]]:
    """(subjects that are told, subjects of parts, why superseded) of each."""
    return [
        (
            " ".join(one.subject for one in group.members),
            " ".join(one.subject for one in group.parts),
            group.superseded,
        )
        for group in groups
    ]


def test_manifests_of_an_index_belong_to_it() -> None:
    found = deploys([member("2-amd64", AMD), member("2-arm64", ARM), member("2", INDEX)], {INDEX: {AMD, ARM}})
    assert shown(found) == [("2", "2-amd64 2-arm64", None)]


def test_without_an_index_among_them_they_stand_alone() -> None:
    found = deploys([member("2-amd64", AMD), member("2-arm64", ARM)], {INDEX: {AMD, ARM}})
    assert shown(found) == [("2-amd64", "", None), ("2-arm64", "", None)]


def test_an_index_that_was_left_behind_owns_nothing() -> None:
    found = deploys([member("2-amd64", AMD), member("2", INDEX, MOVED_ON)], {INDEX: {AMD}})
    assert shown(found) == [("2-amd64", "", None), ("2", "", MOVED_ON)]


def test_indexes_in_indexes_end_at_the_outermost() -> None:
    found = deploys([member("a", AMD), member("b", ARM), member("c", INDEX)], {INDEX: {ARM}, ARM: {AMD}})
    assert shown(found) == [("c", "a b", None)]


def test_indexes_that_claim_each_other_lose_nothing() -> None:
    found = deploys([member("a", AMD), member("b", ARM)], {AMD: {ARM}, ARM: {AMD}})
    assert sorted(one.subject for group in found for one in (*group.members, *group.parts)) == ["a", "b"]


DIGESTS = st.sampled_from([INDEX, AMD, ARM])


@given(
    st.lists(st.tuples(DIGESTS, st.sampled_from([PENDING, MOVED_ON])), max_size=8),
    st.dictionaries(DIGESTS, st.sets(DIGESTS)),
)
def test_each_is_in_exactly_one_delivery_that_says_its_digest_or_the_index_of_it(
    said: list[tuple[str, str]], indexes: dict[str, set[str]]
) -> None:
    members = [member(str(at), digest, outcome) for at, (digest, outcome) in enumerate(said)]
    groups = deploys(members, indexes)
    found = [one.subject for group in groups for one in (*group.members, *group.parts)]
    assert sorted(found) == sorted(one.subject for one in members)
    for group in groups:
        assert len({one.told.after for one in group.members}) == 1
        assert all(one.outcome == (group.superseded or PENDING) for one in (*group.members, *group.parts))


def test_an_alert_has_an_end() -> None:
    members = [member(str(at), AMD) for at in range(MOST_IN_A_MESSAGE + 1)]
    assert [len(group.members) for group in alerts(members)] == [MOST_IN_A_MESSAGE, 1]
