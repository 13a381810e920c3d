"""One suite per port, exported: every adapter's tests subclass it and give it a fixture."""
