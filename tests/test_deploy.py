"""What containers are made of and run with: Dockerfile, compose, Kubernetes. Nothing is built or started here."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml

from config import Settings
from inference.cli import app
from tests.service import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text())
KUBERNETES = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((KUBERNETES / "kustomization.yml").read_text())
ON_GPUS = ROOT / "deploy" / "kubernetes-gpu"
LOCKS = ("requirements.txt", "requirements-gpu.txt")
SETTINGS = {name.upper() for name in Settings.model_fields}
OTHERS = {"PATH", "HOME", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "AWS_DEFAULT_REGION"}  # not of Settings


def manifests(*, keda: bool = False) -> Iterator[dict[str, Any]]:
    """Kubernetes' own kinds, or those of KEDA."""
    for name in KUSTOMIZATION["resources"]:
        for one in yaml.safe_load_all((KUBERNETES / name).read_text()):
            if one["apiVersion"].startswith("keda.sh/") is keda:
                yield one


MANIFESTS = [pytest.param(one, id=f"{one['kind']} {one['metadata']['name']}") for one in manifests()]


def pods() -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in manifests() if one["kind"] == "Deployment"]


def copied() -> list[str]:
    """What the Dockerfile takes from this folder into the last image."""
    last = DOCKERFILE.split("\nFROM ")[-1]
    return [name for line in re.findall(r"^COPY (?!--)(.*) \S+$", last, re.MULTILINE) for name in line.split()]


def test_an_image_has_the_packages_and_no_more() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.removesuffix("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert set(copied()) == packages | {"LICENSE", "NOTICE"}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_in == {*copied(), *LOCKS}


def test_both_locks_pin_the_same() -> None:
    """But for what computes."""
    pinned = [dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS]
    on_processors, on_gpus = pinned
    shared = set(on_processors) & set(on_gpus)
    assert {name: on_gpus[name] for name in shared} == {name: on_processors[name] for name in shared}
    assert {"keras", "fastapi", "tensorflow"} <= set(on_gpus)
    assert {"nvidia-cudnn-cu12"} <= set(on_gpus) - set(on_processors)
    assert set(on_processors) - set(on_gpus) <= {"tensorflow-cpu", "openvino", "openvino-telemetry"}


def test_what_is_copied_runs_by_itself(tmp_path: Path) -> None:
    for name in copied():
        if (source := ROOT / name).is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "inference", "translate", str(ROOT / "docs" / "astronaut.png"), "--out", "out"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "out" / "astronaut.png").is_file()
    command = [sys.executable, "-c", "import bots.app, inference.worker, storage.cli"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)


def test_a_compose_file_is_one() -> None:
    (path,) = Path(str(files("check_jsonschema"))).rglob("compose-spec.json")
    schema = json.loads(path.read_text())
    jsonschema.validate(COMPOSE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**COMPOSE, "services": {"service": {"prots": []}}}, schema)
    with_gpus = yaml.safe_load((ROOT / "deploy" / "compose.gpu.yml").read_text())
    jsonschema.validate(with_gpus, schema)
    assert set(with_gpus["services"]) == set(COMPOSE["services"])
    assert with_gpus["services"]["service"]["build"]["args"]["LOCK"] in LOCKS


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_is_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifest, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**manifest, "specs": {}}, version, strict=True)


def test_workers_get_a_graphics_card_each() -> None:
    kustomization = yaml.safe_load((ON_GPUS / "kustomization.yml").read_text())
    assert kustomization["resources"] == ["../kubernetes"]
    (patch,) = kustomization["patches"]
    target = patch["target"]
    (worker,) = (m for m in manifests() if (m["kind"], m["metadata"]["name"]) == (target["kind"], target["name"]))
    for operation in yaml.safe_load(patch["patch"]):
        assert operation["op"] in ("add", "replace")
        *steps, last = (part.replace("~1", "/") for part in operation["path"].split("/")[1:])
        place: Any = worker
        for step in steps:
            place = place[int(step) if isinstance(place, list) else step]
        if operation["op"] == "replace":
            assert last in place
        place[last] = operation["value"]
    kubernetes_validate.validate(worker, kubernetes_validate.latest_version(), strict=True)
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    (renamed,) = (image for image in KUSTOMIZATION["images"] if image["name"] == container["image"])
    assert [image["name"] for image in kustomization["images"]] == [renamed["newName"]]


def test_workers_are_scaled_by_the_queue_that_they_work_for() -> None:
    """KEDA's own kinds have no schema here; these are the parts that have to fit others."""
    kinds = {one["kind"]: one for one in [*manifests(), *manifests(keda=True)]}
    trigger = kinds["ScaledObject"]["spec"]["triggers"][0]
    settings = dict(literal.split("=", 1) for literal in KUSTOMIZATION["configMapGenerator"][0]["literals"])
    assert settings["QUEUE_URL"] == f"sqs://{trigger['metadata']['queueURL']}"
    assert settings["AWS_DEFAULT_REGION"] == trigger["metadata"]["awsRegion"]
    assert trigger["authenticationRef"]["name"] == kinds["TriggerAuthentication"]["metadata"]["name"]
    target = kinds["ScaledObject"]["spec"]["scaleTargetRef"]["name"]
    assert target in {one["metadata"]["name"] for one in manifests() if one["kind"] == "Deployment"}


def test_nothing_sets_what_is_no_setting() -> None:
    settings = {literal.split("=")[0] for literal in KUSTOMIZATION["configMapGenerator"][0]["literals"]}
    for container in (container for pod in pods() for container in pod["containers"]):
        settings |= {one["name"] for one in container.get("env", ())}
    for service in COMPOSE["services"].values():
        settings |= set(service["environment"])
    settings |= set(re.findall(r"^(?:ENV| {3}) ([A-Z_]+)=", DOCKERFILE, re.MULTILINE))
    assert settings <= SETTINGS | OTHERS
    assert {"DATABASE_PATH", "STORAGE_URL", "WEB_HOST"} <= settings


def test_arguments_are_commands() -> None:
    default = json.loads(re.search(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[1])  # type: ignore[index]
    arguments = [container["args"] for pod in pods() for container in pod["containers"]]
    arguments += [service.get("command", default) for service in COMPOSE["services"].values()]
    assert len(arguments) == 4
    for package, *rest in arguments:
        if package == "bots":
            assert rest == []
            continue
        assert package == "inference"
        group: Any = typer.main.get_command(app)
        with group.make_context("inference", rest[:1], resilient_parsing=True) as context:
            group.commands[rest[0]].make_context(rest[0], rest[1:], parent=context)


def test_containers_can_write_to_their_volumes_alone() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    for service in COMPOSE["services"].values():
        assert service["read_only"]
        assert service["tmpfs"] == ["/tmp"]
