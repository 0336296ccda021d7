"""Local programs: find, configure, start, watch and stop them."""
