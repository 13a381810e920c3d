"""The feed's endpoints, put together: stream, range, snapshot, position, key set (G-1).

All but the key set authenticate the resource server by HTTP Basic. What is sent was signed and put
together by the publisher; here it is only written, many blocks in one piece where they wait.
"""

from tokenry.authority.client_authentication import ResourceServerAuthentication
from tokenry.authority.feed_positions import FeedPositions
from tokenry.authority.feed_publisher import FeedPublisher
from tokenry.authority.key_ring import KeyRing
from tokenry.ports.events import Events
from tokenry.ports.surroundings import Clock
from tokenry.vocabulary.identifiers import Entropy
from tokenry.web.feed_history import FeedRangeEndpoint, FeedSnapshotEndpoint
from tokenry.web.feed_position import FeedPositionEndpoint
from tokenry.web.feed_stream import FeedStreamEndpoint
from tokenry.web.jwks import JwksEndpoint


class FeedEndpoints:
    """One issuer's: GET `stream` (a stream), `range`, `snapshot`, `jwks`, and POST `position`."""

    def __init__(
        self,
        *,
        publisher: FeedPublisher,
        positions: FeedPositions,
        key_ring: KeyRing,
        authentication: ResourceServerAuthentication,
        clock: Clock,
        entropy: Entropy,
        events: Events,
    ) -> None:
        self.stream = FeedStreamEndpoint(
            publisher=publisher, authentication=authentication, entropy=entropy, events=events
        )
        self.range = FeedRangeEndpoint(
            publisher=publisher, authentication=authentication, entropy=entropy
        )
        self.snapshot = FeedSnapshotEndpoint(
            publisher=publisher, authentication=authentication, entropy=entropy
        )
        self.position = FeedPositionEndpoint(
            positions=positions, authentication=authentication, clock=clock, entropy=entropy
        )
        self.jwks = JwksEndpoint(key_ring.feed_jwks, max_age=key_ring.max_age)
