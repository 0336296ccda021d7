"""The dashboards themselves, one module each."""

from neomon.dashboards.board import Board
from neomon.dashboards.boards import (
    api_gateway,
    auth_service,
    infrastructure,
    platform_overview,
    tenant_manager,
    tenant_overview,
)

BOARDS: tuple[Board, ...] = (
    platform_overview.BOARD,
    api_gateway.BOARD,
    auth_service.BOARD,
    tenant_manager.BOARD,
    infrastructure.BOARD,
    tenant_overview.BOARD,
)
"""Every dashboard, in the order they are offered."""
