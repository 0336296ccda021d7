"""The pages in a real browser, as an operator sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from support.stack import Stack
from support.waiting import eventually

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """A page, and what the browser complained about or asked other hosts for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[1400, 700], ids=["wide", "narrow"])
def visit(browser: Browser, demo_stack: Stack, request: pytest.FixtureRequest) -> Iterator[Visit]:
    context = browser.new_context(
        http_credentials={"username": "admin", "password": demo_stack.secret("admin.password")},
        viewport={"width": request.param, "height": 900},
    )
    visit = Visit(context.new_page())
    visit.page.on("console", lambda message: visit.complaints.append(message.text))
    visit.page.on("request", lambda asked: visit.hosts.add(asked.url.split("/")[2]))
    yield visit
    context.close()


def test_the_overview_shows_every_service_with_its_figures(visit: Visit, demo_stack: Stack) -> None:
    def figures() -> bool:
        visit.page.goto(demo_stack.url("neomon", "/"))
        row = visit.page.locator("tr", has_text="api-gateway").first.inner_text()
        return "/s" in row and "ms" in row

    eventually(figures, "rates of the API Gateway", 60, pause=1)
    text = visit.page.locator("main").inner_text()
    for service in ("auth-service", "tenant-manager", "stack-deployer", "shop", "crm", "wiki", "prometheus", "node"):
        assert service in text
    assert visit.page.get_by_label("not healthy").count() == 0


def test_the_runbook_opens_at_the_alerts_section(visit: Visit, demo_stack: Stack) -> None:
    visit.page.goto(demo_stack.url("neomon", "/docs/alerting#servicedown"))
    heading = visit.page.locator("#servicedown")
    assert heading.inner_text() == "ServiceDown"
    assert heading.bounding_box()["y"] < 400


@pytest.mark.parametrize("path", ["/", "/docs/alerting"])
def test_pages_obey_their_own_security_policy_and_fit(visit: Visit, demo_stack: Stack, path: str) -> None:
    visit.page.goto(demo_stack.url("neomon", path))
    visit.page.wait_for_load_state()
    assert visit.complaints == []
    assert visit.hosts == {f"127.0.0.1:{demo_stack.ports['neomon']}"}
    overflow = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


def test_the_login_is_needed(browser: Browser, demo_stack: Stack) -> None:
    page = browser.new_page()
    answer = page.goto(demo_stack.url("neomon", "/docs/alerting"))
    assert answer is not None
    assert answer.status == 200
    refused = page.request.get(demo_stack.url("neomon", "/"))
    assert refused.status == 401
    page.close()
