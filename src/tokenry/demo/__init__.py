"""The story that `make demo` tells: one authority, two services, tokens issued and taken back.

Everything is real and apart: three processes that speak HTTP over loopback. `stage` starts and
stops them, `story` is what happens, `measuring` times a refusal from outside, `telling` prints.
"""

from tokenry.demo.telling import run

__all__ = ["run"]
