"""Server-rendered pages: the overview and the documentation that alerts link to."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from markdown_it import MarkdownIt

from neomon.api.access import admin_only, public
from neomon.console.overview import Overview, read_overview
from neomon.errors import NotFoundError
from neomon.settings import Settings
from neomon.stack.client import ComponentClient

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parent
templates = Jinja2Templates(_HERE / "templates")
_SIBLING = re.compile(r"([a-z-]+)\.md(#.*)?")
_DOCUMENT = re.compile(r"[a-z][a-z0-9-]{0,40}")


def mount_static(app: FastAPI, base_dir: Path) -> None:
    """Serve the style sheet, and the pictures of the documentation."""
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    app.mount("/docs/images", StaticFiles(directory=base_dir / "docs" / "images", check_dir=False), name="pictures")


@router.get("/", dependencies=[Depends(admin_only)])
async def home(request: Request) -> HTMLResponse:
    """What is wrong, and what there is."""
    settings: Settings = request.app.state.settings
    client: ComponentClient = request.app.state.components
    overview: Overview = await read_overview(settings, client)
    return templates.TemplateResponse(
        request, "home.html", {"overview": overview, "settings": settings, "now": time.time()}
    )


@router.get("/docs/{name}", dependencies=[Depends(public)])
def document(request: Request, name: str) -> HTMLResponse:
    """A page of docs/: the runbook sections alerts link to are anchors of `alerting`."""
    settings: Settings = request.app.state.settings
    path = settings.base_dir / "docs" / f"{name}.md"
    if not _DOCUMENT.fullmatch(name) or not path.is_file():
        raise NotFoundError(f"there is no page {name[:40]!r} in docs/")
    return templates.TemplateResponse(
        request, "document.html", {"title": name, "body": render_markdown(path.read_text(encoding="utf-8"))}
    )


def render_markdown(text: str) -> str:
    """HTML of our own Markdown, raw HTML left out, with an anchor on each heading as GitHub makes them."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for token in itertools.chain.from_iterable(inline.children or () for inline in tokens if inline.type == "inline"):
        if token.type == "link_open" and (sibling := _SIBLING.fullmatch(str(token.attrGet("href")))):
            token.attrSet("href", sibling.expand(r"\1\2") if sibling[2] else sibling[1])
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", re.sub(r"[^\w\- ]", "", inline.content.lower()).replace(" ", "-"))
    return str(parser.renderer.render(tokens, parser.options, {}))
