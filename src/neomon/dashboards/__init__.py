"""Dashboards as code: built in Python, rendered to Grafana JSON, validated and tried against a Prometheus."""
