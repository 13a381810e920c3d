"""The whole contract of the `Store` port. Adapters subclass it and give it fixtures.

`clock` is a `ManualClock` that is the database's clock; `store` is open, empty, and has the
issuer `ISSUER`. Each part of the suite is a file of its own.
"""

from contracts.store_changing import ChangingContract
from contracts.store_feeding import FeedingContract
from contracts.store_issuing import IssuingContract
from contracts.store_lateness import LatenessContract
from contracts.store_purging import PurgingContract
from contracts.store_racing import RacingContract
from contracts.store_revoking import RevokingContract


class StoreContract(
    IssuingContract,
    RevokingContract,
    ChangingContract,
    FeedingContract,
    LatenessContract,
    PurgingContract,
    RacingContract,
):
    """Everything that every store promises."""
