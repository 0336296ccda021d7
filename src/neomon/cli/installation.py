"""The installation a command works on: its settings, and its programs, the demo's included when that is on."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from neomon.settings import Settings, load_settings
from neomon.stack.catalog import stack_programs
from neomon.stack.files import replace_file
from neomon.stack.program import Program


@dataclass(frozen=True)
class Mode:
    """What `neomon up` was told, kept for the commands after it."""

    demo: bool = False
    tls: bool = False


@dataclass(frozen=True)
class Installation:
    """Settings in force and everything that runs under them."""

    settings: Settings
    mode: Mode

    def programs(self) -> list[Program]:
        """Every program, in the order of their start."""
        programs = stack_programs(self.settings)
        if self.mode.demo:
            from neomon.demo.programs import demo_programs

            programs += demo_programs(self.settings)
        return sorted(programs, key=lambda program: program.priority)

    def remember(self) -> None:
        """Keep the mode for later commands."""
        path = self.settings.data_dir / "run" / "mode.json"
        replace_file(path, orjson.dumps(asdict(self.mode)))


def open_installation(mode: Mode | None = None) -> Installation:
    """Read the settings; without a `mode`, as the last `neomon up` was told.

    Raises:
        SettingsError: A setting is wrong.
    """
    settings = load_settings()
    if mode is None:
        mode = _remembered(settings)
    if mode.tls:
        settings = settings.model_copy(update={"tls": settings.tls.model_copy(update={"enabled": True})})
    if mode.demo:
        from neomon.demo.programs import demo_settings

        settings = demo_settings(settings)
    return Installation(settings, mode)


def _remembered(settings: Settings) -> Mode:
    try:
        return Mode(**orjson.loads((settings.data_dir / "run" / "mode.json").read_bytes()))
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
        return Mode()
