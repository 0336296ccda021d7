"""The settings in force, written down for neomon's own processes.

A process the supervisor starts again months later must see what `neomon up` or `neomon apply` saw, not the
environment of the shell they happened to be called from.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import orjson

from neomon.settings import Settings, load_settings
from neomon.stack.files import replace_file


def own_environment(settings: Settings) -> dict[str, str]:
    """Environment of neomon's own processes; it changes, and so they are restarted, when a setting does."""
    return {
        "NEOMON_CONFIG": str(_path(settings.data_dir)),
        "NEOMON_SETTINGS_DIGEST": hashlib.sha256(_content(settings)).hexdigest()[:16],
        "PYTHONUNBUFFERED": "1",
        # glibc's arenas grow with threads; small services are better off with few.
        "MALLOC_ARENA_MAX": "2",
    }


def own_settings() -> Settings:
    """The settings this process was started with, or, started by hand, those of the installation.

    Raises:
        SettingsError: Started by hand, and a setting is wrong.
    """
    if "NEOMON_SETTINGS_DIGEST" in os.environ:
        return Settings.model_validate_json(Path(os.environ["NEOMON_CONFIG"]).read_bytes())
    return load_settings()


def inherited_environment() -> dict[str, str]:
    """This process's environment without its settings."""
    return {key: value for key, value in os.environ.items() if not key.startswith("NEOMON_")}


def write_effective(settings: Settings) -> None:
    """Write the settings file (0600) that `own_environment` points at."""
    replace_file(_path(settings.data_dir), _content(settings))


def read_effective(data_dir: Path) -> Settings:
    """The settings in force."""
    return Settings.model_validate_json(_path(data_dir).read_bytes())


def _path(data_dir: Path) -> Path:
    return data_dir / "run" / "settings.yml"


def _content(settings: Settings) -> bytes:
    return orjson.dumps(settings.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
