"""The revocation feed: records, the chain over them, what is signed, and the view that applies it.

Owns the bytes that `docs/reference/feed.md` fixes and the algorithm of G-1: one sequence per
issuer, frames of consecutive records, heartbeats, snapshots, staleness and tiers. Signs nothing,
verifies nothing, waits for nothing: a publisher signs the payloads made here, and only payloads
whose signature was verified are read here. Time comes in as an argument.

Read `record` first, then `view`.
"""
