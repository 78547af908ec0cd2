"""The token bucket that limits vouchers per device (zero-touch join section 6.3.1).

A bucket holds credit in whole seconds: one voucher costs an hour, an hour of waiting refills one, and nothing
above a day's worth is saved. A full bucket allows a burst of 24.
"""

from typing import NamedTuple

COST = 3600
CAPACITY = 24 * COST


class Bucket(NamedTuple):
    """``credit`` seconds at the time ``at`` (Unix seconds)."""

    credit: int
    at: int


def refill(bucket: Bucket, now: int) -> Bucket:
    """The bucket at ``now``. A clock that went back gives nothing, now or when it catches up."""
    return Bucket(min(CAPACITY, bucket.credit + max(0, now - bucket.at)), max(bucket.at, now))


def wait(bucket: Bucket) -> int:
    """Seconds until the bucket holds a token; 0 when it holds one."""
    return max(0, COST - bucket.credit)


def take(bucket: Bucket) -> Bucket:
    """The bucket without one token. The caller has asked ``wait`` before."""
    return bucket._replace(credit=bucket.credit - COST)
