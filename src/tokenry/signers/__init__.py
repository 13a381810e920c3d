"""Where private keys live and signatures are made, an adapter each for the Signer port.

Floor 5. Owns unwrapped private keys and lets none out. Refuses to know what is signed, or which
key is the right one: that is `authority.key_ring`. Read `local` next.
"""
