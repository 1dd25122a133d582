"""What is sent to an endpoint, as the pipeline guide or as MLflow writes it, and what it answers."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    model_validator,
)

from knowtrace.service.fields import WHOLE, Computed, Id, Seconds, Share, Strict, Timestamp, Whole
from knowtrace.service.inference.computing import AskedItem, PastAnswer
from knowtrace.service.sagemaker.tables import records_of_columns, records_of_split

MOST_STEPS = 10_000
MOST_ITEMS = 1_000
MOST_ROWS = 100
MOST_SKILLS = 20

NumberedSkill = Annotated[int, Field(ge=-(2**53), le=2**53), WHOLE]
SkillIds = Annotated[list[Id], Field(max_length=MOST_SKILLS)]


class Named(Strict):
    """Names an item by its id, by its skill or skills, or by both; a skill may be numbered, as in the guide."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["skill_id"], "properties": {"skill_id": {"type": ["string", "integer"]}}},
            "then": {"properties": {"skill_ids": {"type": "null"}}},
            "else": {
                "if": {"not": {"required": ["item_id"], "properties": {"item_id": {"type": "string"}}}},
                "then": {
                    "required": ["skill_ids"],
                    "properties": {"skill_ids": {"type": "array", "minItems": 1}},
                },
            },
        }
    )

    item_id: Id | None = None
    skill_id: Id | NumberedSkill | None = None
    skill_ids: SkillIds | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.skill_id is not None and self.skill_ids is not None:
            raise ValueError("skill_id and skill_ids are two ways to say one thing: send one of them")
        if self.item_id is None and self.skill_id is None and not self.skill_ids:
            raise ValueError("item_id or skill_id is required")
        return self

    @property
    def skills(self) -> tuple[str, ...]:
        return tuple(self.skill_ids or ()) if self.skill_id is None else (str(self.skill_id),)


class Step(Named):
    """One past answer. With a time on every step the times order them; with none, their places do."""

    correct: StrictBool | Literal[0, 1] | None = None
    response: Whole | None = Field(default=None, description="Category 0..K-1, for graded items.")
    answered_at: Timestamp | None = None
    elapsed_seconds: Seconds | None = None

    def to_answer(self, place: str) -> PastAnswer:
        return PastAnswer(
            place=place,
            item_id=self.item_id,
            skill_ids=self.skills,
            correct=None if self.correct is None else bool(self.correct),
            response=self.response,
            answered_at=self.answered_at,
            elapsed_seconds=self.elapsed_seconds,
        )


class Asked(Named):
    """One item to predict."""

    def to_item(self) -> AskedItem:
        return AskedItem(item_id=self.item_id, skill_ids=self.skills)


class Row(Strict):
    """One student: what they answered, and optionally items to predict, by id or as named."""

    user_sequence: Annotated[list[Step], Field(max_length=MOST_STEPS)]
    items: Annotated[list[Id | Asked], Field(max_length=MOST_ITEMS)] = Field(
        default_factory=list[str | Asked]
    )

    @property
    def asked(self) -> list[AskedItem]:
        return [item.to_item() if isinstance(item, Asked) else AskedItem(item_id=item) for item in self.items]

    @property
    def numbers_skills(self) -> bool:
        """Whether the caller calls skills by numbers, and so is answered with one."""
        return any(isinstance(step.skill_id, int) for step in self.user_sequence)


Rows = Annotated[list[Row], Field(min_length=1, max_length=MOST_ROWS)]


class SequenceTable(Strict):
    """A row per student, with one cell."""

    columns: tuple[Literal["user_sequence"]]
    data: Annotated[list[tuple[list[Step]]], Field(min_length=1, max_length=MOST_ROWS)]
    index: list[Any] | None = None


class SplitTable(Strict):
    """The cells of each row stand in the order of `columns`; the other order is taken too."""

    columns: tuple[Literal["user_sequence"], Literal["items"]]
    data: Annotated[list[tuple[list[Step], list[Id | Asked]]], Field(min_length=1, max_length=MOST_ROWS)]
    index: list[Any] | None = None


class ColumnTable(Strict):
    """Each column has a cell per student."""

    user_sequence: Annotated[list[list[Step]], Field(min_length=1, max_length=MOST_ROWS)]
    items: list[list[Id | Asked]] = Field(default_factory=list[list[str | Asked]])


class DataframeSplit(Strict):
    """A pandas table, `orient="split"`: a row per student."""

    dataframe_split: Annotated[
        Rows, BeforeValidator(records_of_split, json_schema_input_type=SequenceTable | SplitTable)
    ]


class DataframeRecords(Strict):
    """A pandas table, `orient="records"`: a record per student."""

    dataframe_records: Rows


class Instances(Strict):
    """A record per student, in the words of TensorFlow Serving."""

    instances: Rows


class Inputs(Strict):
    """A column per field, or a record per student, in the words of TensorFlow Serving."""

    inputs: Annotated[Rows, BeforeValidator(records_of_columns, json_schema_input_type=ColumnTable | Rows)]


Table = DataframeSplit | DataframeRecords | Instances | Inputs
TABLES = ("dataframe_split", "dataframe_records", "instances", "inputs")


def rows_of(table: Table) -> list[Row]:
    match table:
        case DataframeSplit():
            return table.dataframe_split
        case DataframeRecords():
            return table.dataframe_records
        case Instances():
            return table.instances
        case Inputs():
            return table.inputs


def _form(body: Any) -> str:
    """Tell the forms apart by their field; a body with two of them is refused for the second."""
    return next((form for form in TABLES if isinstance(body, dict) and form in body), "user_sequence")


Invocation = Annotated[
    Annotated[Row, Tag("user_sequence")]
    | Annotated[DataframeSplit, Tag("dataframe_split")]
    | Annotated[DataframeRecords, Tag("dataframe_records")]
    | Annotated[Instances, Tag("instances")]
    | Annotated[Inputs, Tag("inputs")],
    Discriminator(_form),
]


class RowOut(BaseModel):
    """What the model says of one student.

    `mastery` has every skill the model knows. `next_skill_recommendation` is the weakest skill that has an item worth
    asking, `next_item` that item and `predicted_accuracy` the expected success on it; all three are null when there is
    none. `predictions` has the expected success on each of the `items`, in their order.
    """

    mastery: dict[str, Share]
    next_skill_recommendation: str | int | None
    next_item: str | None
    predicted_accuracy: Share | None
    predictions: list[Share]
    num_answers: int
    notes: list[str]


class InvocationOut(RowOut, Computed):
    """The answer to the guide's form."""


class PredictionsOut(Computed):
    """The answer to a table: one prediction per row, in the rows' order."""

    predictions: list[RowOut]
