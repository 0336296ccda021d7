"""Alerts that reach neomon: Alertmanager's messages and heartbeats."""
