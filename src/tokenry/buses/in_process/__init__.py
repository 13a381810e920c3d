"""The Bus port within one process: one node, one event loop, announcements from any thread."""

from tokenry.buses.in_process.bus import InProcessBus

__all__ = ["InProcessBus"]
