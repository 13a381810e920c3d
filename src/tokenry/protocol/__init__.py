"""Decisions of OAuth, a file each: facts and a time in, a decision or a protocol error out.

Floor 3, pure: no I/O, no clock, no randomness. Refuses to know how anything is stored or sent.
Start with `registry` (who takes part), then `client_auth`, `audience` and `access_token`.
"""
