"""The declarative file: what it may say, how it is read, and the page that documents it.

Floor 2. Owns the shape of a blueprint and the errors of a wrong one; it neither reads files nor
reconciles (`authority.reconcile` does). Start with `declarations`, then `parse`; `checks` has the
rules between keys, `key_sets` those for clients' keys.
"""
