"""What each package offers to others: this list changes on purpose or not at all."""

import importlib
from pathlib import Path

import pytest

PUBLIC: dict[str, list[str]] = {
    "knowtrace": ["__version__"],
    "knowtrace.cli": ["app", "main"],
    "knowtrace.dashboard": ["add_pages"],
    "knowtrace.deciding": ["Advice", "Candidate", "Catalogue", "Rules", "difficulty", "recommend"],
    "knowtrace.domain": [
        "CatalogueItem",
        "FIRST_KNOWN",
        "Interaction",
        "Mastery",
        "MasteryIntervals",
        "MasteryState",
        "PADDING",
        "Quarantined",
        "Recommendation",
        "UNKNOWN_TIME",
        "UNSEEN",
        "Vocabulary",
        "mastery_state",
    ],
    "knowtrace.evaluation": [
        "Estimate",
        "Evaluation",
        "Limits",
        "PARTS",
        "PUBLISHED",
        "PublishedFigure",
        "Scored",
        "Verdict",
        "bootstrap",
        "evaluate",
        "gate",
        "model_card",
        "published_for",
        "score",
    ],
    "knowtrace.models": [
        "Answer",
        "Asked",
        "Batch",
        "MODELS",
        "ModelEntry",
        "ResponseModel",
        "Sizes",
        "TrainingAnswers",
        "build_model",
        "model_config",
        "preset",
        "search_space",
        "usual_training",
    ],
    "knowtrace.psychometrics": [
        "Calibration",
        "Grid",
        "GuessingPrior",
        "ItemParameters",
        "MISSING",
        "MODELS",
        "Model",
        "ModelFit",
        "ResponseMatrix",
        "Scores",
        "StandardErrors",
        "empirical_reliability",
        "expected_frequencies",
        "first_answers",
        "fit",
        "item_information",
        "model_fit",
        "normal_grid",
        "response_matrix",
        "score",
        "test_information",
    ],
    "knowtrace.registry": [
        "Run",
        "StepGraphs",
        "TIMES",
        "ailments",
        "run_files",
        "seal_run",
        "write_json",
        "write_serving",
        "write_vocabulary",
    ],
    "knowtrace.service": [],
    "knowtrace.sources": [
        "Contamination",
        "Dataset",
        "Inspection",
        "Planted",
        "Simulation",
        "SimulationConfig",
        "find_contamination",
        "find_twins",
        "inspect",
        "plant",
        "read",
        "simulate",
        "training_obstacles",
        "write_quarantine",
        "write_simulation",
    ],
    "knowtrace.sources.layouts": ["LAYOUTS", "write_layout"],
    "knowtrace.store": [
        "ItemSeen",
        "Session",
        "Store",
        "StoredDecision",
        "StoredEvent",
        "StoredSkill",
        "StoredStudent",
        "StudentSummary",
        "Students",
    ],
    "knowtrace.tracing": ["SkillEvidence", "StudentState", "Tracer"],
    "knowtrace.training": [
        "Fit",
        "Recipe",
        "Reporter",
        "Sequences",
        "Split",
        "TrainingConfig",
        "build_vocabulary",
        "encode",
        "fingerprint",
        "fit",
        "load_model",
        "predict_all",
        "recipe_of",
        "scored_answers",
        "split_of",
        "split_students",
        "train",
        "without_twins",
    ],
}


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_pinned_and_exist(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(getattr(module, "__all__", [])) == PUBLIC[package]
    assert all(hasattr(module, name) for name in PUBLIC[package])


def test_every_package_is_pinned() -> None:
    root = importlib.import_module("knowtrace")
    assert root.__file__ is not None
    packages = {f"knowtrace.{path.parent.name}" for path in Path(root.__file__).parent.glob("*/__init__.py")}
    assert packages | {"knowtrace"} == {package for package in PUBLIC if package.count(".") < 2}
