"""What the authority needs of the world, as verbs with outcomes; no adapter is named here.

Floor 4. `store` is the heart; `plans` says what it commits; `surroundings` has clock, keys,
signatures and wake-ups. Each port has one contract suite in tests/contracts.
"""
