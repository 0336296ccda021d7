"""Instrument an ASGI service: one call, and it exports what the platform's dashboards and alerts need.

from neomon.exporters.instrument import instrument

app = instrument(FastAPI(), version="1.4.2", revision="9f3c2ab")
"""

from neomon.exporters.instrument.attach import instrument
from neomon.exporters.instrument.metrics import BUCKETS

__all__ = ["BUCKETS", "instrument"]
