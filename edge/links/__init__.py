"""Upstream: how records and events leave the box."""
