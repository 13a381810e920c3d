"""HTTP at the edge: parse once, call a use case, render. A file per endpoint.

Floor 7. Endpoints are bare ASGI callables that raise what went wrong; `public` routes to them and
`errors` alone renders failures. Refuses to decide anything: that is `authority` and `protocol`.
"""
