"""Believable history for the first start: a model of every series, and its way into Prometheus' storage.

One module models the series of one source; `model` joins them, `fill` writes them.
"""

from neomon.demo.history.fill import fill_history

__all__ = ["fill_history"]
