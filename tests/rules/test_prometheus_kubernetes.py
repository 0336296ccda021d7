"""prometheus/kubernetes_scrape.yml: valid, and its targets come out with the labels of every other installation.

Debian builds promtool without Kubernetes discovery. So discovery is replaced by a file holding what Kubernetes would
say of a pod, a service or a node; everything else is the shipped configuration.
"""

from __future__ import annotations

import json
from pathlib import Path

import prometheus_files as files
import pytest
import yaml

CONFIG = files.read(files.PROMETHEUS / "kubernetes_scrape.yml")
ROLES = {"pod", "node", "service", "endpointslice"}


def write(directory: Path, discovered: dict[str, str] | None = None) -> Path:
    (directory / "token").write_text("token", encoding="utf-8")
    (directory / "ca.crt").write_text("", encoding="utf-8")
    labels = dict(discovered or {})
    group = {"targets": [labels.pop("__address__", "10.0.0.1:80")], "labels": labels}
    (directory / "discovered.json").write_text(json.dumps([group]), encoding="utf-8")
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    for job in config["scrape_configs"]:
        del job["kubernetes_sd_configs"]
        job["file_sd_configs"] = [{"files": ["discovered.json"]}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = "token"
            job["tls_config"]["ca_file"] = "ca.crt"
    path = directory / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def discover(directory: Path, job: str, discovered: dict[str, str]) -> dict[str, str]:
    """Labels of the one target `job` makes of what was discovered; empty when it is dropped."""
    path = write(directory, discovered)
    done = files.promtool("check", "service-discovery", "--timeout=1s", path, job, directory=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    (target,) = json.loads(done.stdout)
    labels: dict[str, str] = target.get("labels") or {}
    return {name: value for name, value in labels.items() if not name.startswith("__")}


def test_configuration_is_valid(tmp_path: Path) -> None:
    done = files.promtool("check", "config", write(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_discovery_knows_only_what_prometheus_knows() -> None:
    for job in CONFIG["scrape_configs"]:
        for discovery in job["kubernetes_sd_configs"]:
            assert discovery["role"] in ROLES
            assert discovery.keys() <= {"role", "selectors"}


def test_jobs_can_be_merged_with_the_others() -> None:
    base = files.read(files.PROMETHEUS / "prometheus.yml")["scrape_configs"]
    names = [job["job_name"] for job in base + CONFIG["scrape_configs"]]
    assert len(names) == len(set(names))


POD = {
    "__address__": "10.0.0.1:9999",
    "__meta_kubernetes_namespace": "neo",
    "__meta_kubernetes_pod_name": "gateway-7d9f-x",
    "__meta_kubernetes_pod_ip": "10.0.0.1",
    "__meta_kubernetes_pod_node_name": "worker-1",
    "__meta_kubernetes_pod_phase": "Running",
    "__meta_kubernetes_pod_container_name": "main",
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
}


def test_annotated_pod(tmp_path: Path) -> None:
    labels = discover(
        tmp_path,
        "kubernetes-pods",
        {
            **POD,
            "__meta_kubernetes_pod_annotation_prometheus_io_port": "8080",
            "__meta_kubernetes_pod_label_app": "gw",
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": "api-gateway",
        },
    )
    assert labels == {
        "job": "services",
        "service": "api-gateway",
        "instance": "10.0.0.1:8080",
        "environment": "production",
        "namespace": "neo",
        "pod": "gateway-7d9f-x",
        "node": "worker-1",
    }


def test_pod_of_a_tenant_at_an_ipv6_address(tmp_path: Path) -> None:
    labels = discover(
        tmp_path,
        "kubernetes-pods",
        {
            **POD,
            "__meta_kubernetes_pod_ip": "fd00::12",
            "__meta_kubernetes_pod_annotation_prometheus_io_port": "8080",
            "__meta_kubernetes_pod_label_neo_stack_tenant": "acme",
            "__meta_kubernetes_pod_label_neo_stack_environment": "staging",
        },
    )
    assert labels["instance"] == "[fd00::12]:8080"
    assert (labels["service"], labels["tenant"], labels["environment"]) == ("main", "acme", "staging")


@pytest.mark.parametrize(
    "difference",
    [
        {"__meta_kubernetes_pod_annotation_prometheus_io_scrape": "false"},
        {"__meta_kubernetes_pod_phase": "Succeeded"},
        {"__meta_kubernetes_pod_container_init": "true"},
    ],
)
def test_pod_that_is_not_scraped(tmp_path: Path, difference: dict[str, str]) -> None:
    assert discover(tmp_path, "kubernetes-pods", {**POD, **difference}) == {}


def test_endpoint_of_a_database_exporter(tmp_path: Path) -> None:
    labels = discover(
        tmp_path,
        "kubernetes-services",
        {
            "__address__": "10.0.0.9:1",
            "__meta_kubernetes_namespace": "neo",
            "__meta_kubernetes_service_name": "pg-exporter",
            "__meta_kubernetes_service_label_app_kubernetes_io_name": "postgresql",
            "__meta_kubernetes_service_annotation_prometheus_io_scrape": "true",
            "__meta_kubernetes_service_annotation_prometheus_io_port": "9187",
            "__meta_kubernetes_service_annotation_prometheus_io_job": "postgres",
        },
    )
    assert (labels["job"], labels["service"], labels["instance"]) == ("postgres", "postgresql", "10.0.0.9:9187")


def test_probe_of_a_service(tmp_path: Path) -> None:
    labels = discover(
        tmp_path,
        "kubernetes-probes",
        {
            "__address__": "gateway.neo.svc:443",
            "__meta_kubernetes_namespace": "neo",
            "__meta_kubernetes_service_name": "api-gateway",
            "__meta_kubernetes_service_annotation_prometheus_io_probe": "true",
            "__meta_kubernetes_service_annotation_prometheus_io_scheme": "https",
            "__meta_kubernetes_service_annotation_prometheus_io_probe_path": "/healthz",
        },
    )
    assert labels["instance"] == "https://gateway.neo.svc:443/healthz"
    assert (labels["job"], labels["service"]) == ("probe-http", "api-gateway")


def test_node_and_its_containers(tmp_path: Path) -> None:
    node = {"__address__": "10.0.0.2:10250", "__meta_kubernetes_node_name": "worker-1"}
    expected = {"instance": "worker-1", "node": "worker-1", "environment": "production"}
    assert discover(tmp_path, "kubernetes-containers", node) == {
        **expected,
        "job": "containers",
        "service": "containers",
    }
    exporter = {
        **POD,
        "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "",
        "__meta_kubernetes_pod_container_port_name": "metrics",
    }
    assert discover(tmp_path, "kubernetes-nodes", exporter) == {**expected, "job": "node", "service": "node"}
