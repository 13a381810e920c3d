"""The client_credentials grant: a client asks for itself (RFC 6749 §4.4).

Authentication, audience, scope and lifetime are shared by all grants and not decided here. There is
no refresh token (RFC 6749 §4.4.3).
"""

from tokenry.protocol.client_auth import AuthenticatedClient
from tokenry.vocabulary.identifiers import SubjectId


def client_credentials_subject(authenticated: AuthenticatedClient) -> SubjectId:
    """Return who the token is about: the client itself (RFC 9068 §2.2)."""
    return SubjectId(authenticated.client.id)
