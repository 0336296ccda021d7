"""`neomon exporter`: run one of our exporters in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help=(
        "Run one of neomon's own exporters; `neomon up` does so by itself.\n\n"
        "  neomon exporter containers    CPU, memory, I/O and network of containers and services\n\n"
        "  neomon exporter platform      business figures read by SQL"
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

WebConfig = Annotated[
    Path | None,
    typer.Option(
        "--web-config",
        metavar="FILE",
        help="Credentials and TLS, in the format of all Prometheus exporters (basic_auth_users, tls_server_config).",
    ),
]


@app.command()
def containers(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address to serve on.")] = "127.0.0.1:9101",
    web_config: WebConfig = None,
    cgroup_root: Annotated[
        str, typer.Option(metavar="DIR", help="Where control groups are mounted.")
    ] = "/sys/fs/cgroup",
    proc_root: Annotated[str, typer.Option(metavar="DIR", help="Where the machine's /proc is mounted.")] = "/proc",
    docker_root: Annotated[str, typer.Option(metavar="DIR", help="Docker's state, for names.")] = "/var/lib/docker",
    podman_root: Annotated[
        str, typer.Option(metavar="DIR", help="Podman's storage, for names.")
    ] = "/var/lib/containers/storage",
    only_named: Annotated[
        bool, typer.Option("--only-named", help="Leave out control groups that are no container or service.")
    ] = False,
) -> None:
    """CPU, memory, I/O, processes and network of containers and services, under cAdvisor's metric names.

    Needs Linux; control groups version 2 and version 1 both work. As root it also learns Docker's container names and
    sees each container's network.

    Examples:

        neomon exporter containers

        neomon exporter containers --listen 0.0.0.0:9101 --cgroup-root /host/sys/fs/cgroup --proc-root /host/proc
    """
    from neomon.exporters.containers.app import run
    from neomon.exporters.process import run_guarded

    status = run_guarded(
        lambda: run(
            listen=listen,
            web_config=web_config,
            cgroup_root=cgroup_root,
            proc_root=proc_root,
            docker_root=docker_root,
            podman_root=podman_root,
            only_named=only_named,
        )
    )
    raise typer.Exit(status)


@app.command()
def platform(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address to serve on.")] = "127.0.0.1:9102",
    web_config: WebConfig = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Queries to run; without it, those shipped with neomon.")
    ] = None,
    databases: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Databases by name, YAML or JSON; without it, those in neomon's settings."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check the configuration and list the queries.")] = False,
) -> None:
    """Business metrics read by SQL: tenants, resources, invoices, deployments, backups, LDAP.

    Every query runs on its own schedule and connection; one that hangs or fails stops neither the others nor a scrape.

    Examples:

        neomon exporter platform --config queries.yml --databases databases.yml --check

        neomon exporter platform --config queries.yml --databases databases.yml

    A line of databases.yml:

        tenant_manager: {address: "db:5432", user: exporter, password_file: /run/secrets/db, name: tenant_manager}
    """
    from neomon.exporters.platform.app import describe, run
    from neomon.exporters.process import run_guarded

    if check:
        raise typer.Exit(run_guarded(lambda: print(describe(config, databases))))
    status = run_guarded(lambda: run(listen=listen, web_config=web_config, config=config, databases=databases))
    raise typer.Exit(status)
