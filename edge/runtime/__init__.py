"""Threads and the real clock: nothing else starts a thread."""
