"""The cluster definitions agree with each other and with the package, and open no more than they say.

They were not applied to a Kubernetes here: this is what can be held against them without one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra" / "cluster"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
PORTS_OF_RAY = {"gcs": 6379, "dashboard": 8265, "client": 10001, "metrics": 8080}


def documents(name: str) -> dict[str, Any]:
    """The objects of a file by kind."""
    return {document["kind"]: document for document in yaml.safe_load_all((FOLDER / name).read_text())}


CLUSTER_OBJECTS = documents("ray-cluster.yaml")
RAY_CLUSTER = CLUSTER_OBJECTS["RayCluster"]
POLICY = documents("network-policy.yaml")["NetworkPolicy"]["spec"]


def pods() -> list[dict[str, Any]]:
    spec = RAY_CLUSTER["spec"]
    return [group["template"]["spec"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]


def containers() -> Iterator[dict[str, Any]]:
    for pod in pods():
        yield from pod["containers"]


def who_may_reach(port: int) -> list[dict[str, Any]]:
    """The peers that the policy lets in at a port."""
    return [
        peer
        for rule in POLICY["ingress"]
        if "ports" not in rule or port in {entry["port"] for entry in rule["ports"]}
        for peer in rule["from"]
    ]


def test_every_port_of_the_pods_is_open_to_the_nodes_and_to_those_that_are_named_only() -> None:
    ports = {entry["name"]: entry["containerPort"] for each in containers() for entry in each["ports"]}
    assert ports == PORTS_OF_RAY
    nodes = {"podSelector": {"matchLabels": {"ray.io/cluster": RAY_CLUSTER["metadata"]["name"]}}}
    submitters = {"podSelector": {"matchLabels": {"mfp-access": "submit"}}}
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert {name: who_may_reach(port) for name, port in ports.items()} == {
        "gcs": [nodes],
        "dashboard": [nodes, submitters],
        "client": [nodes],
        "metrics": [nodes, monitoring],
    }
    assert who_may_reach(10002) == [nodes], "a port of a worker"


def test_the_policy_holds_for_all_pods_of_the_cluster_in_both_directions() -> None:
    assert POLICY["podSelector"] == {"matchLabels": {"ray.io/cluster": RAY_CLUSTER["metadata"]["name"]}}
    assert set(POLICY["policyTypes"]) == {"Ingress", "Egress"}
    assert all(rule.get("from") for rule in POLICY["ingress"]), "a rule without peers lets everybody in"
    assert all(rule.get("to") for rule in POLICY["egress"]), "a rule without peers lets everything out"


def test_ray_asks_for_a_token_that_the_files_do_not_hold() -> None:
    assert RAY_CLUSTER["spec"]["authOptions"] == {"mode": "token", "secretName": "mfp-ray-token"}
    assert "Secret" not in CLUSTER_OBJECTS
    variables = [variable["name"] for each in containers() for variable in each["env"]]
    assert not [name for name in variables if re.search("KEY|TOKEN|SECRET|PASSWORD", name)]


def test_no_container_is_root_or_may_become_it() -> None:
    (user,) = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0
    assert f"--uid {user} " in DOCKERFILE
    for pod in pods():
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert pod["automountServiceAccountToken"] is False
        assert pod["serviceAccountName"] == CLUSTER_OBJECTS["ServiceAccount"]["metadata"]["name"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == int(user)
        assert all(set(volume) == {"name", "emptyDir"} for volume in pod["volumes"])
    for container in containers():
        context = container["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in context


def test_image_and_ray_are_those_of_this_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {each["image"] for each in containers()} == {f"mfp-pipeline:{project['version']}"}
    assert f"-t mfp-pipeline:{project['version']} " in DOCKERFILE
    assert f"ray=={RAY_CLUSTER['spec']['rayVersion']}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_the_image_holds_the_four_rooms_at_the_pinned_versions_and_no_more() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for line in copied for name in line.split()} == {
        *("constraints.txt", "pyproject.toml", "README.md", "LICENSE"),
        *("mfp", "infra", "actors", "pipelines"),
    }
    assert "-c constraints.txt ." in DOCKERFILE
    (base,) = re.findall(r"^FROM (\S+)$", DOCKERFILE, re.MULTILINE)
    assert base.startswith("python:3.11")
    assert not re.search(r"^(ADD|ARG|ENV .*(KEY|TOKEN|SECRET|PASSWORD))", DOCKERFILE, re.MULTILINE)
