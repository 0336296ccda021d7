"""Where settings come from: the environment, over `neomon.yml`, over the defaults."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as SourceError

from neomon.errors import SettingsError
from neomon.settings import REPOSITORY, Settings


class _LayeredSettings(Settings, BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="NEOMON_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=settings_file())


def settings_file() -> Path:
    """The YAML file settings are read from; it need not exist."""
    if named := os.environ.get("NEOMON_CONFIG"):
        return Path(named)
    return Path(os.environ.get("NEOMON_DATA_DIR", REPOSITORY / "var")) / "neomon.yml"


def read_settings() -> Settings:
    """Read file and environment.

    Raises:
        SettingsError: A value is missing, of the wrong kind or unknown; the message names it and where it came from.
    """
    path = settings_file()
    if os.environ.get("NEOMON_CONFIG") and not path.is_file():
        raise SettingsError(f"NEOMON_CONFIG names {path}, which does not exist")
    _check_shape(path)
    try:
        return _LayeredSettings()
    except SourceError as error:
        raise SettingsError(f"environment: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        variable = f"NEOMON_{where.upper().replace('.', '__')}"
        raise SettingsError(f"setting {where} (in {path} or {variable}): {first['msg']}") from error


def _check_shape(path: Path) -> None:
    """The settings library takes a file of any shape for granted."""
    if not path.exists():
        return
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if document is not None and not (isinstance(document, dict) and all(isinstance(key, str) for key in document)):
        raise SettingsError(f"{path}:1: expected settings by name, such as `environment: staging`")
