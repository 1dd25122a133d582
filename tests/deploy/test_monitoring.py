"""Alerts and dashboards ask for metrics that the service has, with labels they have."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from knowtrace.registry import Run
from knowtrace.service.door import Door
from knowtrace.service.metrics import Metrics
from knowtrace.service.watching import RULES as WATCHED
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.drift import Drift
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.quality import LiveQuality

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARDS: list[dict[str, Any]] = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for dashboard in DASHBOARDS for panel in dashboard["panels"] for target in panel["targets"]
]
OF_PROMETHEUS = {"up": {"job"}}
OF_GRAFANA = {"$__rate_interval": "1m"}


@pytest.fixture(scope="module")
def declared(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every sample name that the service can give, and the labels of its metric."""
    metrics = Metrics()
    store = Store(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('store') / 'test.db'}")
    metrics.watch(Intake(store, Tracer(Run.open(tiny_run))), LiveQuality(0.1), Drift())
    metrics.watch_door(Door(1))
    metrics.watch_models(lambda: [("a version", 1.0)])
    found: dict[str, set[str]] = dict(OF_PROMETHEUS)
    for collector, names in metrics.registry._collector_to_names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        labels |= {
            label for metric in collector.collect() for sample in metric.samples for label in sample.labels
        }
        for name in names:
            found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return found


def parts_of(node: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    """Yield an expression and all it is made of."""
    yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if (inner := getattr(node, name, None)) is not None and hasattr(inner, "prettify"):
            yield from parts_of(inner)
    for argument in getattr(node, "args", ()):
        yield from parts_of(argument)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_asks_for_what_there_is(expression: str, declared: dict[str, set[str]]) -> None:
    """Read by the grammar of Prometheus itself, as its parser for Rust has it."""
    for name, value in OF_GRAFANA.items():
        expression = expression.replace(name, value)
    parts = list(parts_of(promql_parser.parse(expression)))
    selectors = [part for part in parts if isinstance(part, promql_parser.VectorSelector)]
    assert selectors
    for selector in selectors:
        assert selector.name in declared, f"{selector.name} is no metric of the service"
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= declared[selector.name], f"{selector.name} has no {asked - declared[selector.name]}"
    for part in parts:
        if isinstance(part, promql_parser.AggregateExpr) and part.modifier is not None:
            inside = [p for p in parts_of(part.expr) if isinstance(p, promql_parser.VectorSelector)]
            for selector in inside:
                missing = set(part.modifier.labels) - declared[selector.name]
                assert not missing, f"{selector.name} has no {missing}"


def test_every_alert_says_what_is_wrong_and_where_to_look() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["next"]


@pytest.mark.parametrize(
    ("alert", "name"),
    [
        ("KnowTracePredictsWorse", "predicts_worse"),
        ("KnowTraceMiscalibrated", "miscalibrated"),
        ("KnowTraceAnswersDrift", "answers_drift"),
    ],
)
def test_what_is_told_to_webhooks_has_the_thresholds_of_the_alerts(alert: str, name: str) -> None:
    """The expressions are valid Python too; both are asked around every number that stands in one of them."""
    [theirs] = [rule for rule in RULES if rule["alert"] == alert]
    [ours] = [rule for rule in WATCHED if rule.name == name]
    assert ours.holds_for == timedelta(hours=int(theirs["for"].removesuffix("h")))
    assert set(re.findall(r"knowtrace_[a-z_]+", theirs["expr"])) == set(ours.names)
    numbers = [float(number) for number in re.findall(r"[<>]=? ([0-9.]+)", theirs["expr"])]
    around = [sign * (n + step) for n in numbers for step in (-1e-3, 0, 1e-3) for sign in (1, -1)]
    tried = [dict(zip(ours.names, found, strict=True)) for found in product(around, repeat=len(ours.names))]
    said = [bool(eval(theirs["expr"], {**figures, "abs": abs})) for figures in tried]
    assert [ours.is_broken(figures) for figures in tried] == said
    assert len(set(said)) == 2


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: str(dashboard["uid"]))
def test_panels_do_not_lie_on_one_another(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
