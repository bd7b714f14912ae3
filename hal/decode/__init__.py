"""Bytes to values, without opening anything: sans-I/O decoders."""
