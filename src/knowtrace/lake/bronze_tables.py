"""Bronze: what was delivered, row by row, as it was written."""

from knowtrace.lake.tables import LINE, LOADED_AT, SOURCE_FILE, Table, column
from knowtrace.sources.layouts.edm_cup import ACTION_COLUMNS, DETAIL_COLUMNS, PROBLEM_COLUMNS

SOURCE_FILES = Table(
    layer="bronze",
    name="source_files",
    grain="one file that was landed",
    owner="lake/landing.py",
    key=("content_hash", "batch"),
    columns=(
        column(
            "content_hash",
            "text",
            "SHA-256 of the file's bytes: a file delivered twice is landed once. One that could not be read is listed "
            "again when it can be.",
        ),
        column(
            "source_file",
            "text",
            "The file or folder that was landed, with the folder it lies in; a student's file relative to the source.",
        ),
        column("format", "text", "The format it was recognised as."),
        column("num_bytes", "long", "Its size as stored.", low=0),
        column(
            "num_rows", "long", "Rows it holds that speak of answers: read, merged or quarantined.", low=0
        ),
        column("num_merged", "long", "Rows that only add to an answer of another row.", low=0),
        column(
            "num_quarantined",
            "long",
            "Rows rejected when the file was read, and the answers of students who were erased since.",
            low=0,
        ),
        column("batch", "text", "The landing it came with."),
        LOADED_AT,
    ),
)

RAW_EDNET_KT1 = Table(
    layer="bronze",
    name="raw_ednet_kt1",
    grain="one row of a student's file",
    owner="lake/landing.py",
    key=("source_file", "line", "loaded_at"),
    is_bucketed=True,
    columns=(
        SOURCE_FILE,
        LINE,
        column("timestamp", "text", "As written: milliseconds since 1970."),
        column("solving_id", "text", "As written: counts a student's bundles."),
        column("question_id", "text", "As written."),
        column("user_answer", "text", "As written: a, b, c or d."),
        column("elapsed_time", "text", "As written: milliseconds on this question."),
        LOADED_AT,
    ),
)

RAW_EDNET_QUESTIONS = Table(
    layer="bronze",
    name="raw_ednet_questions",
    grain="one question of EdNet's table of questions",
    owner="lake/landing.py",
    key=("source_file", "line", "loaded_at"),
    columns=(
        SOURCE_FILE,
        LINE,
        column("question_id", "text", "As written."),
        column("bundle_id", "text", "As written: the questions shown together."),
        column("correct_answer", "text", "As written: a, b, c or d."),
        column("tags", "text", "As written: skills, parted by semicolons; -1 for none."),
        LOADED_AT,
    ),
)


def _edm_cup(name: str, grain: str, columns: tuple[str, ...]) -> Table:
    """Return a table that holds one of EDM Cup's as written."""
    return Table(
        layer="bronze",
        name=name,
        grain=grain,
        owner="lake/landing.py",
        key=("source_file", "line", "loaded_at"),
        columns=(
            SOURCE_FILE,
            LINE,
            *(column(written, "text", "As written; empty where the file lacks it.") for written in columns),
            column("others", "text", "All other columns of the file, as a JSON object; empty for none."),
            LOADED_AT,
        ),
    )


RAW_ACTION_LOGS = _edm_cup(
    "raw_action_logs",
    "one click of EDM Cup's action_logs",
    ACTION_COLUMNS,
)

RAW_ASSIGNMENT_DETAILS = _edm_cup(
    "raw_assignment_details",
    "one student's work on one assignment, of EDM Cup's assignment_details",
    DETAIL_COLUMNS,
)

RAW_ASSIGNMENT_RELATIONSHIPS = _edm_cup(
    "raw_assignment_relationships",
    "one unit test and one assignment before it, of EDM Cup's assignment_relationships",
    ("unit_test_assignment_log_id", "in_unit_assignment_log_id"),
)

RAW_PROBLEM_DETAILS = _edm_cup(
    "raw_problem_details",
    "one problem of EDM Cup's problem_details",
    PROBLEM_COLUMNS,
)

RAW_EDM_CUP = (RAW_ACTION_LOGS, RAW_ASSIGNMENT_DETAILS, RAW_ASSIGNMENT_RELATIONSHIPS, RAW_PROBLEM_DETAILS)

RAW_LINES = Table(
    layer="bronze",
    name="raw_lines",
    grain="one line of a file whose format is read row by row",
    owner="lake/landing.py",
    key=("source_file", "line", "loaded_at"),
    columns=(
        SOURCE_FILE,
        LINE,
        column("text", "text", "The line as written."),
        LOADED_AT,
    ),
)

PARSED_ANSWERS = Table(
    layer="bronze",
    name="parsed_answers",
    grain="one answer as its format's reader understood it",
    owner="lake/landing.py",
    key=("source_file", "user_id", "ordinal", "loaded_at"),
    is_bucketed=True,
    columns=(
        column(
            "source",
            "text",
            "The file or folder that was landed, with the folder it lies in; of EdNet's students the format.",
        ),
        SOURCE_FILE,
        column("line", "long", "The line the answer begins at, where the reader tells.", null=True, low=1),
        column("user_id", "text", "The student."),
        column("ordinal", "long", "Place among the student's answers in this file, from 1.", low=1),
        column("item_id", "text", "The item."),
        column("skill_ids", "texts", "The skills of the answer."),
        column("response", "long", "The category, from 0.", low=0),
        column("num_categories", "long", "How many categories the source has.", low=2),
        column("answered_at", "timestamp", "When, if the source says.", null=True),
        column("elapsed_seconds", "double", "Seconds on the item, if the source says.", null=True, low=0),
        column("hints_used", "long", "Hints taken, if the source says.", null=True, low=0),
        column("attempt", "long", "The attempt, if the source says.", null=True, low=0),
        column("session_id", "text", "The session, if the source says.", null=True),
        column("container_id", "text", "What the answer was given together with.", null=True),
        column("given_split", "text", "The published split of the student, if any.", null=True),
        column("event_id", "text", "The source's own id of the answer, if it has one.", null=True),
        LOADED_AT,
    ),
)

WITHDRAWALS = Table(
    layer="bronze",
    name="withdrawals",
    grain="one answer that its source took back",
    owner="lake/landing.py",
    key=("source_file", "user_id", "event_id", "loaded_at"),
    is_bucketed=True,
    columns=(
        SOURCE_FILE,
        LINE,
        column("user_id", "text", "The student."),
        column("event_id", "text", "The source's own id of the answer."),
        LOADED_AT,
    ),
)

BRONZE = (
    SOURCE_FILES,
    RAW_EDNET_KT1,
    RAW_EDNET_QUESTIONS,
    *RAW_EDM_CUP,
    RAW_LINES,
    PARSED_ANSWERS,
    WITHDRAWALS,
)
