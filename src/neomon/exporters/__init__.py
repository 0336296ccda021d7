"""Exporters of our own, and what a service needs to be watched: instrumentation and registration."""
