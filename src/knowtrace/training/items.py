"""What a run's model says of the items of its catalogue, with the training answers behind it."""

from knowtrace.domain import CatalogueItem
from knowtrace.errors import TrainingError
from knowtrace.models import ItemRow
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.training.sequences import encode, training_answers
from knowtrace.training.train import fingerprint, load_model, recipe_of, split_of


def item_parameters(run: Run, dataset: Dataset) -> list[tuple[CatalogueItem, ItemRow]]:
    """Return every item of a run's catalogue with its parameters, in index order.

    Raises:
        TrainingError: these are not the data of the run, or its model has no parameters of items.
    """
    trained_on = run.config["data"]
    split = split_of(dataset, recipe_of(run))
    if (fingerprint(dataset), split.fingerprint) != (trained_on["fingerprint"], trained_on["parts"]):
        raise TrainingError(
            f"{dataset.name} is not what {run.version} was trained on ({trained_on['name']}): errors need the same "
            "answers. Give the run's own data."
        )
    model, vocabulary = load_model(run)
    rows = model.item_parameters(training_answers(vocabulary, encode(dataset, split.train, vocabulary)))
    if rows is None:
        raise TrainingError(
            f"The model of {run.version} has no parameters of items. `knowtrace irt` calibrates items from answers."
        )
    # The unseen item stands first and is none of the catalogue.
    return list(zip(vocabulary.items, rows[1:], strict=True))
