"""Frameworks that services are written in, each in a module that imports none of them."""
