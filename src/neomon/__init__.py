"""NEO Monitoring Service: multi-tenant observability around Prometheus, Alertmanager and Grafana."""
