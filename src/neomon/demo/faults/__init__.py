"""Faults of the demo: which there are, and the small files through which they are switched on.

`neomon demo break errors` writes `errors.json` into the fault directory; the process concerned sees the file and
misbehaves for as long as it is there. Files survive restarts, need no running demo, and are easy to look at.
"""
