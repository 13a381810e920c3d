#!/bin/sh
# Prepare .venv: find a Python that is new enough, then let it do the rest (prepare_environment.py).
# PYTHON names the interpreter to use; without it, an existing .venv keeps its own.
set -eu
cd "$(dirname "$0")/.."

new_enough() {
    # A version manager's stand-in may exist and yet refuse to run, so each candidate is tried.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if ! new_enough "$PYTHON"; then
        echo "PYTHON=$PYTHON is not a Python 3.11 or later that runs. Name another, as in: make test PYTHON=python3.12" >&2
        exit 1
    fi
    exec "$PYTHON" scripts/prepare_environment.py --as-asked
fi

for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
    if new_enough "$candidate"; then
        exec "$candidate" scripts/prepare_environment.py
    fi
done

echo "Tokenry needs Python 3.11 or later; none was found as python3 or python3.11 to python3.14." >&2
echo "Install one (Debian 12, Ubuntu 24.04 and later: apt install python3 python3-venv)," >&2
echo "or name one that is elsewhere, as in: make test PYTHON=/opt/python3.12/bin/python3" >&2
exit 1
