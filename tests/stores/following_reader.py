"""A process that reads the database of a running authority and checks every snapshot it sees.

Says "reading", then reads until the head has reached the number it is given.
"""

import sqlite3
import sys

FIRST_HEAD = 1 << 40


def main(path: str, until: int) -> None:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    seen = FIRST_HEAD
    print("reading", flush=True)
    while seen < until:
        connection.execute("BEGIN")
        (head,) = connection.execute("SELECT seq FROM head").fetchone()
        numbers = [seq for (seq,) in connection.execute("SELECT seq FROM record ORDER BY seq")]
        connection.execute("COMMIT")
        if numbers != list(range(FIRST_HEAD + 1, head + 1)) or head < seen:
            sys.exit(f"head {head} after {seen}, records {numbers}")
        seen = head


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
