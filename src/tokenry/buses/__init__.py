"""How nodes wake each other when an issuer's head has moved, an adapter each for the Bus port.

Floor 5. Transport only: may lose, repeat and reorder, since the store's sequence is what counts
(G-1). Refuses to carry anything that has to be believed. Read `in_process` next.
"""
