"""The command line: every main job is one command."""

import sys

import typer

from knowtrace.cli import (
    audit,
    card,
    catalogue,
    data,
    demo,
    evaluate,
    gate,
    influences,
    irt,
    items,
    keys,
    lake,
    lake_views,
    leaderboard,
    publish,
    schedule,
    serve,
    sign,
    simulate,
    stack,
    students,
    train,
    tune,
)
from knowtrace.cli.terminal import fail
from knowtrace.errors import KnowTraceError

app = typer.Typer(
    name="knowtrace",
    help="From students' answers to an honest picture of what each of them knows.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data.app, name="data")
app.add_typer(lake.app, name="lake")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(schedule.app, name="schedule")
app.add_typer(students.app, name="students")
lake.app.command("views")(lake_views.views_command)
lake.app.command("publish")(lake_views.publish_command)
app.command("simulate")(simulate.simulate_command)
app.command("models")(train.models_command)
app.command("train")(train.train_command)
app.command("card")(card.card_command)
app.command("gate")(gate.gate_command)
app.command("leaderboard")(leaderboard.leaderboard_command)
app.command("stack")(stack.stack_command)
app.command("tune")(tune.tune_command)
app.command("evaluate")(evaluate.evaluate_command)
app.command("influences")(influences.influences_command)
app.command("irt")(irt.irt_command)
app.command("items")(items.items_command)
app.command("sign")(sign.sign_command)
app.command("publish")(publish.publish_command)
app.command("promote")(publish.promote_command)
app.command("serve")(serve.serve_command)
app.command("demo")(demo.demo_command)


OUT_OF_MEMORY = ("can't allocate memory", "std::bad_alloc", "bad allocation", "Out of Memory Error")
"""How PyTorch, ONNX Runtime and DuckDB say it, none of which raises a MemoryError."""


def main() -> None:
    """Run the command line; our own errors become one line on standard error and exit code 2."""
    try:
        app()
    except KnowTraceError as error:
        fail(error.for_operators)
        sys.exit(2)
    except ModuleNotFoundError as error:
        extra = {
            "duckdb": "lake",
            "pyarrow": "lake",
            "sqlframe": "lake",
            "deltalake": "lake",
            "pyspark": "spark",
            "obstore": "cloud",
            "mlflow": "mlflow",
            "torch": "train",
            "lightgbm": "train",
            "scipy": "train",
            "onnx": "train",
            "onnxscript": "train",
        }.get(error.name or "")
        if extra is None:
            raise
        fail(
            f"This command needs {error.name}, which is not installed. Run `pip install 'knowtrace[{extra}]'`."
        )
        sys.exit(2)
    except OSError as error:
        fail(f"{error.filename or 'A file'}: {error.strerror or error}. Check the path and its permissions.")
        sys.exit(2)
    except KeyboardInterrupt:
        fail("Interrupted.")
        sys.exit(130)
    except Exception as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        said = str(error).strip().partition("\n")[0] or "out of memory"
        fail(
            f"This machine has not enough memory for that ({said}). Ask for less, or stop what else runs here."
        )
        sys.exit(2)


__all__ = ["app", "main"]
