"""How many failed proofs of an address are answered, in a table that can't grow."""

import threading

from app.domain.times import SECOND_NS
from app.web.failures import Failures

NOW = 1_780_000_000 * SECOND_NS


def counted(failures: Failures, address: str, times: int, second: float = 0) -> list[int]:
    return [failures.count(address, NOW + round(second * SECOND_NS)) for _ in range(times)]


def test_twenty_a_minute_are_answered_and_the_rest_has_to_wait() -> None:
    failures = Failures()
    assert counted(failures, "192.0.2.1", 1) == [0]
    assert counted(failures, "192.0.2.1", 20, 30.5) == [0] * 19 + [30]
    assert counted(failures, "192.0.2.1", 1, 59.9999) == [1]
    assert counted(failures, "192.0.2.2", 1, 59.9999) == [0]
    assert counted(failures, "192.0.2.1", 21, 60) == [0] * 20 + [60]


def test_a_clock_that_is_set_back_begins_anew() -> None:
    failures = Failures()
    counted(failures, "192.0.2.1", 30, 100)
    assert counted(failures, "192.0.2.1", 1, 0) == [0]


def test_a_network_of_ipv6_is_one_address_and_a_mapped_one_its_own() -> None:
    failures = Failures()
    counted(failures, "2001:db8::1", 20)
    assert counted(failures, "2001:db8::ffff:2", 1) == [60]
    assert counted(failures, "2001:db8:0:1::1", 1) == [0]
    counted(failures, "::ffff:192.0.2.1", 20)
    assert counted(failures, "::ffff:192.0.2.2", 1) == [0]
    assert counted(failures, "192.0.2.1", 1) == [60], "the same host, mapped or not"


def test_the_table_forgets_who_began_longest_ago() -> None:
    failures = Failures()
    counted(failures, "first", 20)
    for number in range(Failures.ADDRESSES):
        failures.count(f"other {number}", NOW)
    assert counted(failures, "first", 1) == [0], "forgotten"
    assert counted(failures, f"other {Failures.ADDRESSES - 1}", 20)[-1] == 60, "remembered"


def test_threads_lose_no_count() -> None:
    failures = Failures()
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.extend(counted(failures, "a", 5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [0] * 20 + [60] * 20
