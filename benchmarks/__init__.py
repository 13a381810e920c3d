"""Measurements beside peers, over the public path; `make bench` prints ratios, not absolutes.

Both sides run in one call, in turn, each server pinned to one core and the load to another.
"""
