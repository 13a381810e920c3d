"""What an authority declares about one resource server's verifiers, signed (G-1, R-04, R-43)."""

from typing import Final

import msgspec

from tokenry.feed.document import VERSION, Number, read_document, write_document
from tokenry.feed.refusals import FeedRefused
from tokenry.vocabulary.bounds import MAX_TOKEN_LIFETIME
from tokenry.vocabulary.identifiers import Audience, IssuerUrl
from tokenry.vocabulary.instant import Seconds

MAX_LEEWAY: Final = Seconds(60)


class Tiers(msgspec.Struct, frozen=True):
    """Up to which staleness, in whole seconds, each tier holds: the table of G-1."""

    fresh: Seconds = Seconds(5)
    reduced: Seconds = Seconds(60)
    survival: Seconds = Seconds(300)


class _TiersDocument(msgspec.Struct, frozen=True):
    fresh: Number
    reduced: Number
    survival: Number


class _ProfileDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    iss: str
    audience: str
    profile: Number
    tiers: _TiersDocument
    low_risk_scopes: list[str]
    survival_scopes: list[str]
    max_token_lifetime: Number
    leeway: Number


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a resource server's profile.

    `max_token_lifetime` bounds `exp` - `iat`; `leeway` is what a verifier may add to `exp` and
    allow `iat` and `nbf` to lie ahead, never more: records are kept no longer. `profile` is the
    version, which only grows.
    """

    issuer: IssuerUrl
    audience: Audience
    profile: int
    tiers: Tiers
    low_risk_scopes: frozenset[str]
    survival_scopes: frozenset[str]
    max_token_lifetime: Seconds
    leeway: Seconds

    def __post_init__(self) -> None:
        """Raise ValueError for values that no verifier could follow."""
        if not 0 < self.tiers.fresh <= self.tiers.reduced <= self.tiers.survival:
            raise ValueError("expected tiers with 0 < fresh ≤ reduced ≤ survival")
        if self.tiers.survival > MAX_TOKEN_LIFETIME:
            raise ValueError(f"expected survival of at most {MAX_TOKEN_LIFETIME} seconds")
        if not 0 < self.max_token_lifetime <= MAX_TOKEN_LIFETIME:
            raise ValueError(f"expected max_token_lifetime of 1 to {MAX_TOKEN_LIFETIME} seconds")
        if not 0 <= self.leeway <= MAX_LEEWAY:
            raise ValueError(f"expected leeway of at most {MAX_LEEWAY} seconds")

    def to_payload(self) -> bytes:
        """Return the bytes to sign, under typ `tokenry-profile+jws`; scopes in sorted order."""
        return write_document(
            _ProfileDocument(
                iss=self.issuer,
                audience=self.audience,
                profile=self.profile,
                tiers=_TiersDocument(self.tiers.fresh, self.tiers.reduced, self.tiers.survival),
                low_risk_scopes=sorted(self.low_risk_scopes),
                survival_scopes=sorted(self.survival_scopes),
                max_token_lifetime=self.max_token_lifetime,
                leeway=self.leeway,
            )
        )


def parse_profile(verified_payload: bytes) -> Profile:
    """Read a profile whose signature was verified. Raises FeedRefused."""
    document = read_document(verified_payload, _ProfileDocument)
    try:
        return Profile(
            issuer=IssuerUrl(document.iss),
            audience=Audience(document.audience),
            profile=document.profile,
            tiers=Tiers(
                Seconds(document.tiers.fresh),
                Seconds(document.tiers.reduced),
                Seconds(document.tiers.survival),
            ),
            low_risk_scopes=frozenset(document.low_risk_scopes),
            survival_scopes=frozenset(document.survival_scopes),
            max_token_lifetime=Seconds(document.max_token_lifetime),
            leeway=Seconds(document.leeway),
        )
    except ValueError as impossible:
        raise FeedRefused(str(impossible)) from None
