"""What every part of the model needs: the installation, the timeline, and the labels of live targets."""

from __future__ import annotations

import random
from dataclasses import dataclass

from neomon.demo.catalogue import Service
from neomon.demo.history.timeline import Timeline
from neomon.demo.runtime import Runtime
from neomon.settings import Settings

COMPONENT_SERVICES = {"postgres": "postgresql"}
"""Component -> its `service` label, where that differs from the component's name."""
PROCESS_AGE_SECONDS = 2.3 * 86_400
"""How long the platform's processes had run before history begins."""


@dataclass(frozen=True)
class Context:
    """The installation and the time that are modelled."""

    settings: Settings
    timeline: Timeline

    @property
    def length(self) -> int:
        """Number of moments."""
        return len(self.timeline.times)

    @property
    def step(self) -> int:
        """Seconds between two moments."""
        return self.timeline.step

    @property
    def runtime(self) -> Runtime:
        """Addresses of the demo."""
        return Runtime.of(self.settings)

    @property
    def peak(self) -> float:
        """Requests a second at the daily peak."""
        return self.settings.demo.requests_per_second

    @property
    def base_steps(self) -> float:
        """Steps that had gone by before history begins, since the processes' start."""
        return PROCESS_AGE_SECONDS / self.step

    def rng(self, *name: str) -> random.Random:
        """Chance that is the same at every attempt, and different for each name."""
        return random.Random("/".join((str(self.timeline.start), *name)))

    def service_target(self, service: Service) -> dict[str, str]:
        """Target labels of one of the four services."""
        return self.target("services", self.runtime.address(service.port_setting), service.name)

    def component_target(self, component: str) -> dict[str, str]:
        """Target labels of a component, named as in `Ports`."""
        service = COMPONENT_SERVICES.get(component, component)
        return self.target(component, self.settings.address(component), service)

    def target(self, job: str, instance: str, service: str, tenant: str | None = None) -> dict[str, str]:
        """Target labels."""
        labels = {
            "job": job,
            "instance": instance,
            "service": service,
            "environment": self.settings.environment,
        }
        return {**labels, "tenant": tenant} if tenant else labels
