"""The dashboard and the alerts name the metrics that the service has: all of them, and no others."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bots.metrics import Metrics
from bots.vitals import Vitals
from bots.web import WebDoor, create_app
from tests.bots.studio_parts import SteeredPipeline, settings_in, studio_in
from tests.bots.web.conftest import client_of
from tests.service import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "selfie2anime.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"


def named(expressions: str) -> set[str]:
    """Metric families in PromQL, without what a family's samples are called."""
    names = re.findall(r"\b(?:selfie2anime|process|python)_[a-z_]+", expressions)
    return {re.sub(r"_(bucket|sum|count|total|info)$", "", name) for name in names}


@pytest.fixture
async def shown(tmp_path: Path) -> set[str]:
    """Families in `/metrics` of a service that has done nothing yet."""
    metrics, pipeline, settings = Metrics(), SteeredPipeline(), settings_in(tmp_path)
    async with studio_in(settings, pipeline, None, metrics=metrics) as (studio, _, store):
        Vitals(studio.queue, pipeline).register(metrics.registry)  # type: ignore[arg-type]
        async with client_of(create_app(settings, studio, store, metrics.registry, WebDoor())) as client:
            text = (await client.get("/metrics")).raise_for_status().text
    families = {family.name for family in text_string_to_metric_families(text)}
    # when a counter began, which prometheus-client adds to each
    return {re.sub(r"_info$", "", name) for name in families if not name.endswith("_created")}


def test_the_dashboard_shows_every_metric_and_no_other(shown: set[str]) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]

    assert named(" ".join(expressions)) == shown


def test_panels_have_a_place_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert max(x for x, _ in taken) == 23
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_alerts_name_metrics_that_exist(shown: set[str]) -> None:
    rules = ALERTS.read_text()

    assert len(named(rules)) >= 5
    assert named(rules) <= shown


def expression(alert: str) -> str:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    (found,) = (rule["expr"] for rule in group["rules"] if rule["alert"] == alert)
    return str(found)


def test_a_service_that_is_down_is_told_under_the_name_that_it_is_scraped_by() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "operating.md").read_text(), re.DOTALL)
    (scraped,) = yaml.safe_load(example)["scrape_configs"]
    up = f'up{{job="{scraped["job_name"]}"}}'
    assert expression("ServiceDown") == f"{up} == 0 or absent({up})"


@pytest.mark.parametrize(
    ("engines", "warm", "tells"),
    [(0, 0, False), (2, 0, True), (2, 1, False)],
    ids=["a fleet's service", "none of two", "one of two"],
)
def test_no_engine_is_told_only_where_there_should_be_one(engines: int, warm: int, tells: bool) -> None:
    samples = {"selfie2anime_engines": engines, "selfie2anime_engines_warm": warm}
    assert eval(expression("NoEngine"), samples) is tells  # what it is made of means the same in PromQL and Python
