"""The errors neomon raises on purpose.

Each carries a sentence a person can act on. The command line prints it and exits with `exit_status`; the HTTP
side answers with `http_status`.
"""

from __future__ import annotations


class NeomonError(Exception):
    """Base of all errors with a message meant for the user."""

    exit_status = 1
    http_status = 500


class InputError(NeomonError):
    """The caller's input is wrong; nothing was changed."""

    exit_status = 2
    http_status = 400


class SettingsError(InputError):
    """A setting is missing or wrong."""


class NotFoundError(InputError):
    """What was named does not exist."""

    http_status = 404


class ConflictError(InputError):
    """The request contradicts the present state."""

    http_status = 409


class MissingProgramError(NeomonError):
    """A program neomon runs is not installed."""


class UnavailableError(NeomonError):
    """A component does not answer."""

    http_status = 503
