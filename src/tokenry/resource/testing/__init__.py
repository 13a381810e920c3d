"""An issuer for a service's own tests: mint, revoke and let time pass, without server or network.

The verifier under test is the real one; only its clock, its HTTP client and its issuer are here:

    issuer = TestingIssuer()
    async with issuer.verifier("https://orders.test") as verifier:
        token = issuer.mint(audience="https://orders.test", scope="orders.read")
        await verifier.verify(issuer.request(token), required_scopes={"orders.read"})
        issuer.revoke("subject", "alice")
        await issuer.delivered()
"""

from tokenry.resource.testing.clock import ManualClock
from tokenry.resource.testing.issuer import TestingIssuer
from tokenry.resource.testing.network import TestingNetwork

__all__ = ["ManualClock", "TestingIssuer", "TestingNetwork"]
