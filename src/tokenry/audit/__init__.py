"""Evidence: the entries that every act leaves, ready to become leaves of a Merkle log (G-6).

Floor 3, pure. Entries hold ids, never tokens or secrets.
"""
