"""The store in memory: for tests, and for the issuer that services test against.

Not a mock: it passes the whole contract suite, and every verb is atomic across event loops and
threads. It keeps nothing beyond its process, so no authority serves from it. `store` has the verbs,
`issuer_state` what is kept for one issuer, `purging` what is let go.
"""

from tokenry.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
