"""Rendering the dashboards to Grafana's JSON, and telling whether the committed files still match the code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from neomon.errors import MissingProgramError


@dataclass(frozen=True)
class RenderedFile:
    """One dashboard file."""

    name: str
    content: str


def render_dashboards() -> list[RenderedFile]:
    """Every dashboard as a file; the same code always gives the same bytes.

    Raises:
        MissingProgramError: The library the dashboards are built with is not installed.
    """
    try:
        from grafana_foundation_sdk.cog.encoder import JSONEncoder

        from neomon.dashboards.boards import BOARDS
    except ImportError as error:
        raise MissingProgramError("rendering needs grafana-foundation-sdk: pip install 'neomon[dashboards]'") from error
    return [
        RenderedFile(
            f"{board.uid}.json",
            json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        )
        for board in BOARDS
    ]


def write_dashboards(directory: Path) -> list[Path]:
    """Write every dashboard that differs, remove files no dashboard has; returns what was changed."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = stale_dashboards(directory)
    rendered = {file.name: file.content for file in render_dashboards()}
    for path in changed:
        if path.name in rendered:
            path.write_text(rendered[path.name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def stale_dashboards(directory: Path) -> list[Path]:
    """Files of `directory` that are missing, differ from the code, or belong to no dashboard."""
    rendered = {file.name: file.content for file in render_dashboards()}
    stale = [
        directory / name
        for name, content in rendered.items()
        if not (directory / name).is_file() or (directory / name).read_text(encoding="utf-8") != content
    ]
    return stale + sorted(path for path in directory.glob("*.json") if path.name not in rendered)
