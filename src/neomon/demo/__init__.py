"""A small NEO_STACK with real traffic, a believable past, and faults that can be switched on."""
