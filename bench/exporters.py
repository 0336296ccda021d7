"""What a scrape of our exporters costs, against node_exporter's in the same run; and what instrument() costs a request.

.venv/bin/python bench/exporters.py
.venv/bin/python bench/exporters.py --scrapes 300 --json
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import http.client
import json
import os
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
POSTGRES = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "bench"
PEER = "node_exporter"
# What Prometheus sends.
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/2.42.0",
}
SCHEMA = """
    CREATE TABLE tenants(id text, status text);
    CREATE TABLE tenant_creations(id bigserial);
    CREATE TABLE resource_usage(tenant text, resource_type text, used float8, quota float8);
    CREATE TABLE deployments(service text, version text, deployed_at timestamptz);
    CREATE TABLE configuration_changes(service text, changed_at timestamptz);
    CREATE TABLE backups(database text, size_bytes bigint, success bool, completed_at timestamptz);
    CREATE TABLE invoices(status text);
    CREATE TABLE ldap_sync_runs(started_at timestamptz, duration_seconds float8, success bool, users int, groups int);
    INSERT INTO tenants SELECT 't' || n, 'active' FROM generate_series(1, 50) n;
    INSERT INTO resource_usage SELECT 't' || n, r, n, n FROM generate_series(1, 50) n,
        unnest(array['cpu_cores', 'memory_bytes', 'storage_bytes', 'stacks']) r;
    INSERT INTO deployments SELECT 's' || n, '1.0', now() FROM generate_series(1, 4) n;
    INSERT INTO configuration_changes SELECT 's' || n, now() FROM generate_series(1, 4) n;
    INSERT INTO backups SELECT 'd' || n, 1, true, now() FROM generate_series(1, 3) n;
    INSERT INTO invoices SELECT unnest(array['paid', 'open', 'void']);
    INSERT INTO ldap_sync_runs VALUES (now(), 1, true, 1, 1);
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads, in nanosecond resolution."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def pss_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return float("nan")


@contextmanager
def program(command: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit(f"{command[0]} does not start: {' '.join(command)}") from None
                time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def postgres() -> Iterator[dict[str, object]]:
    """A small PostgreSQL of our own, with figures to read; gives the exporter's databases file."""
    import psycopg

    directory = Path(tempfile.mkdtemp(prefix="neomon-bench-"))
    (directory / "password").write_text(PASSWORD)
    # PostgreSQL refuses to run as root.
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
    if become:
        owner = pwd.getpwnam("postgres")
        for path in (directory, directory / "password"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    port = free_port()

    def run(name: str, *arguments: str) -> None:
        subprocess.run([*become, POSTGRES / name, *arguments], check=True, capture_output=True, cwd="/")

    data = str(directory / "data")
    try:
        run("initdb", "-D", data, "-U", "bench", "-A", "scram-sha-256", "-N", "--pwfile", str(directory / "password"))
        options = f"-p {port} -h 127.0.0.1 -k {directory} -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", str(directory / "log"), "-o", options, "start")
        where = {"host": "127.0.0.1", "port": port, "user": "bench", "password": PASSWORD, "dbname": "postgres"}
        with psycopg.connect(**where, autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(SCHEMA)
        entry = {
            "address": f"127.0.0.1:{port}",
            "user": "bench",
            "password_file": str(directory / "password"),
            "name": "postgres",
            "sslmode": "disable",
        }
        yield dict.fromkeys(("tenant_manager", "billing", "auth"), entry)
    finally:
        subprocess.run(
            [*become, POSTGRES / "pg_ctl", "-D", data, "-m", "immediate", "stop"], capture_output=True, cwd="/"
        )
        shutil.rmtree(directory, ignore_errors=True)


def scrape(connection: http.client.HTTPConnection) -> bytes:
    connection.request("GET", "/metrics", headers=HEADERS)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"port {connection.port} answers {response.status}")
    return body


def samples(body: bytes) -> int:
    return sum(1 for line in gzip.decompress(body).splitlines() if line and not line.startswith(b"#"))


def measure(exporters: dict[str, tuple[int, int]], scrapes: int) -> dict[str, dict[str, float]]:
    """Scrape all in turn, so that whatever else the machine does strikes them alike."""
    connections = {name: http.client.HTTPConnection("127.0.0.1", port) for name, (_, port) in exporters.items()}
    bodies: dict[str, bytes] = {}
    walls: dict[str, list[float]] = {name: [] for name in exporters}
    for connection in connections.values():
        for _ in range(10):
            scrape(connection)
    before = {name: cpu_seconds(pid) for name, (pid, _) in exporters.items()}
    for _ in range(scrapes):
        for name, connection in connections.items():
            started = time.perf_counter()
            bodies[name] = scrape(connection)
            walls[name].append(time.perf_counter() - started)
    result = {}
    for name, (pid, _) in exporters.items():
        count = samples(bodies[name])
        cpu = (cpu_seconds(pid) - before[name]) / scrapes * 1000
        result[name] = {
            "wall_ms": statistics.median(walls[name]) * 1000,
            "cpu_ms": cpu,
            "cpu_us_per_sample": cpu * 1000 / count,
            "samples": count,
            "bytes": len(gzip.decompress(bodies[name])),
            "gzip_bytes": len(bodies[name]),
            "pss_mb": pss_megabytes(pid),
        }
    return result


def scrape_costs(scrapes: int) -> dict[str, dict[str, float]]:
    node = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if not node:
        raise SystemExit("node_exporter, the peer, is not installed (Debian: prometheus-node-exporter)")
    with ExitStack() as stack:
        exporters = {}
        port = free_port()
        exporters[PEER] = (stack.enter_context(program([node, f"--web.listen-address=127.0.0.1:{port}"], port)), port)
        port = free_port()
        ours = [sys.executable, "-m", "neomon.exporters.containers", "--listen", f"127.0.0.1:{port}"]
        exporters["containers"] = (stack.enter_context(program(ours, port)), port)
        if (POSTGRES / "postgres").exists():
            databases = stack.enter_context(postgres())
            file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "databases.json"
            file.write_text(json.dumps(databases))
            port = free_port()
            ours = [sys.executable, "-m", "neomon.exporters.platform", "--listen", f"127.0.0.1:{port}"]
            ours += ["--config", str(REPOSITORY / "exporters/custom/platform.yml"), "--databases", str(file)]
            pid = stack.enter_context(program(ours, port))
            exporters["platform"] = (pid, port)
            deadline = time.monotonic() + 15
            while samples(scrape(http.client.HTTPConnection("127.0.0.1", port))) < 450:
                if time.monotonic() > deadline:
                    raise SystemExit("the platform exporter's queries give no figures")
                time.sleep(0.1)
        else:
            print("PostgreSQL 15 is not installed: the platform exporter is left out", file=sys.stderr)
        return measure(exporters, scrapes)


Message = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]


def request_costs(requests: int) -> dict[str, float]:
    """CPU microseconds a request, without a server: only the application is between the two readings of the clock."""
    from fastapi import FastAPI
    from prometheus_client import CollectorRegistry

    from neomon.exporters.instrument import instrument

    def service(instrumented: bool) -> App:
        app = FastAPI()
        for number in range(20):
            app.add_api_route(f"/other{number}/{{x}}", lambda x: {})

        @app.get("/tenants/{tenant}")
        async def tenant(tenant: str) -> dict[str, str]:
            return {"tenant": tenant}

        return instrument(app, registry=CollectorRegistry()) if instrumented else app

    trace = [(b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    bare, measured = service(False), service(True)
    variants: dict[str, tuple[App, list[tuple[bytes, bytes]]]] = {
        "bare": (bare, []),
        "instrumented": (measured, []),
        "instrumented_with_exemplar": (measured, trace),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        return None

    async def batch(app: App, headers: list[tuple[bytes, bytes]], count: int) -> float:
        # CPU time: other programs on this machine must not count.
        started = time.process_time()
        for number in range(count):
            path = f"/tenants/t{number % 100}"
            scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": ""}
            scope |= {"headers": headers, "query_string": b"", "http_version": "1.1", "scheme": "http"}
            await app(scope, receive, send)
        return (time.process_time() - started) / count * 1e6

    rounds = 100
    times: dict[str, list[float]] = {name: [] for name in variants}

    async def all_rounds() -> None:
        for number in range(rounds + 1):
            for name, (app, headers) in variants.items():
                cost = await batch(app, headers, max(1, requests // rounds))
                # The first round builds what is built once.
                if number:
                    times[name].append(cost)

    asyncio.run(all_rounds())
    return {name: statistics.median(values) for name, values in times.items()}


def report(costs: dict[str, dict[str, float]], requests: dict[str, float]) -> None:
    print(f"One scrape as Prometheus makes it (OpenMetrics, gzip, kept connection); x = ratio to {PEER}\n")
    peer = costs[PEER]
    columns = {
        "wall_ms": 2,
        "cpu_ms": 2,
        "cpu_us_per_sample": 1,
        "samples": 0,
        "gzip_bytes": 0,
        "bytes": 0,
        "pss_mb": 1,
    }
    print(f"{'':15}" + "".join(f"{column:>24}" for column in columns))
    for name, cost in costs.items():
        cells = [
            f"{cost[column]:.{digits}f} ({cost[column] / peer[column]:.2f}x)" for column, digits in columns.items()
        ]
        print(f"{name:15}" + "".join(f"{cell:>24}" for cell in cells))
    bare = requests["bare"]
    print("\nOne request through a FastAPI application with 21 routes, without a server (CPU time)\n")
    for name, cost in requests.items():
        print(f"{name:30}{cost:8.1f} us   {cost / bare:.2f}x   +{cost - bare:.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scrapes", type=int, default=200, help="scrapes of each exporter (default %(default)s)")
    parser.add_argument("--requests", type=int, default=20000, help="requests of each kind (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    costs = scrape_costs(arguments.scrapes)
    requests = request_costs(arguments.requests)
    if arguments.json:
        ratios = {name: cost["wall_ms"] / costs[PEER]["wall_ms"] for name, cost in costs.items() if name != PEER}
        print(json.dumps({"scrape": costs, "wall_ratio": ratios, "request_us": requests}, indent=2))
    else:
        report(costs, requests)


if __name__ == "__main__":
    main()
