"""Words only: claim names, error codes, typed ids, time and sequence numbers, selectors, bounds.

Floor 0. Imports nothing of Tokenry, does no I/O, reads no clock and draws no randomness: both
come in as arguments. Everything above speaks in these types.
"""
