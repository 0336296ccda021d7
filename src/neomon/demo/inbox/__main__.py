"""`python -m neomon.demo.inbox` runs the mail server and the chat endpoint."""

from __future__ import annotations

from neomon.demo.inbox.server import main
from neomon.demo.process import run

if __name__ == "__main__":
    run(main())
