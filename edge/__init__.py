"""The service of the box: read, judge, keep, send."""
