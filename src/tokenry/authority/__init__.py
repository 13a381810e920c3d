"""What the authority does, a use case each: decide with `protocol`, commit through ports, answer.

Floor 5. Owns the order of things: facts are read after the head (G-1), a plan is committed before
anything is signed or sent (G-4). Refuses to parse HTTP and to name a concrete adapter. Read
`facts` and `token` for requests, `feed_publisher` for revocations, `key_ring` for keys.
"""
