"""Tokenry: a token authority, the verifier that services embed, and the feed that joins them.

Read `docs/explanation/house.md` for the floors of this package. Services import
`tokenry.resource`; everything else is the authority and its tools.
"""

__version__ = "0.1.0"
