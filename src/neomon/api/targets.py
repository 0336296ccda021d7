"""Targets: services register themselves, Prometheus discovers them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from neomon.api.access import admin_only, service_only, stack_only
from neomon.discovery.registry import Job, RegisteredTargetView, TargetGroup, TargetRegistration, TargetRegistry

router = APIRouter(prefix="/api/v1/targets", tags=["targets"])


def _registry(request: Request) -> TargetRegistry:
    registry: TargetRegistry = request.app.state.targets
    return registry


@router.get("", dependencies=[Depends(stack_only)])
def discover(request: Request, job: Annotated[Job, Query()] = "services") -> list[TargetGroup]:
    """Targets of one job in the format of Prometheus' HTTP service discovery."""
    return _registry(request).groups(job)


@router.get("/registered", dependencies=[Depends(admin_only)])
def registered(request: Request) -> list[RegisteredTargetView]:
    """All registrations in force."""
    return _registry(request).targets()


@router.put("/{job}/{address:path}", status_code=204, dependencies=[Depends(service_only)])
def register(request: Request, job: str, address: str, registration: TargetRegistration) -> Response:
    """Register a target, or renew it: the same call again changes its labels and prolongs its time."""
    _registry(request).register(job, address, registration)
    return Response(status_code=204)


@router.delete("/{job}/{address:path}", status_code=204, dependencies=[Depends(service_only)])
def withdraw(request: Request, job: str, address: str) -> Response:
    """Withdraw a target for good; Prometheus forgets it at its next discovery."""
    _registry(request).withdraw(job, address)
    return Response(status_code=204)
