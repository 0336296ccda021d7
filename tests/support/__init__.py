"""Real programs and servers that tests talk to."""
