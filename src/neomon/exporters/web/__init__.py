"""The small HTTP server of our exporters: `/metrics` and `/-/healthy`, with exporter-toolkit's web config file."""

from neomon.exporters.web.exposition import Exposition
from neomon.exporters.web.server import MetricsServer, serve

__all__ = ["Exposition", "MetricsServer", "serve"]
