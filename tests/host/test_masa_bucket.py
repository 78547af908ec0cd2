"""The token bucket of vouchers per device, with a clock that is an argument."""

from hypothesis import given
from hypothesis import strategies as st

from microbrew_host.masa import bucket
from microbrew_host.masa.bucket import CAPACITY, COST, Bucket

START = 1_795_000_000
DAY = 24 * 3600


def issue(state, now):
    """The state after trying to take a token at ``now``, and whether there was one."""
    state = bucket.refill(state, now)
    if bucket.wait(state):
        return state, False
    return bucket.take(state), True


def burst(state, now, tries):
    issued = 0
    for _ in range(tries):
        state, done = issue(state, now)
        issued += done
    return state, issued


def test_a_full_bucket_allows_24_vouchers_at_once_and_not_25():
    _, issued = burst(Bucket(CAPACITY, START), START, 30)
    assert issued == 24


def test_one_hour_refills_one():
    state, _ = burst(Bucket(CAPACITY, START), START, 24)
    assert issue(state, START + 3599)[1] is False
    state, done = issue(state, START + 3600)
    assert done
    assert issue(state, START + 3600)[1] is False


def test_the_wait_is_told_to_the_second():
    state, _ = burst(Bucket(CAPACITY, START), START, 24)
    assert bucket.wait(bucket.refill(state, START)) == COST
    assert bucket.wait(bucket.refill(state, START + 1000)) == 2600
    assert bucket.wait(bucket.refill(state, START + 3600)) == 0


def test_nothing_is_saved_up_beyond_a_day():
    state = bucket.refill(Bucket(CAPACITY, START), START + 30 * DAY)
    assert burst(state, START + 30 * DAY, 100)[1] == 24


def test_a_clock_that_goes_back_gives_nothing_twice():
    state, _ = burst(Bucket(CAPACITY, START), START, 24)
    state = bucket.refill(state, START - DAY)
    assert state.credit == 0
    assert bucket.refill(state, START + 1).credit == 1


@given(st.lists(st.integers(-2 * DAY, 2 * DAY), max_size=60))
def test_never_more_than_24_and_one_per_hour(steps):
    state, now, issued, latest = Bucket(CAPACITY, START), START, 0, START
    for step in steps:
        now += step
        latest = max(latest, now)
        state, done = issue(state, now)
        issued += done
        assert 0 <= state.credit <= CAPACITY
        assert issued <= 24 + (latest - START) // 3600
