"""EdNet KT4's files into rows of bronze, one after another: answers by the loader's rules, and lines as written."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from knowtrace.lake.arrow import Rows
from knowtrace.lake.parsed import answer_rows, line_rows
from knowtrace.lake.student_files import (
    EDNET_KT4,
    Landed,
    LandedFile,
    Member,
    Rejected,
    new_contents,
    reject_file,
)
from knowtrace.sources import Dataset
from knowtrace.sources.ednet import StudentFile, rows_in, take_rows
from knowtrace.sources.ednet_contents import Question
from knowtrace.sources.ednet_kt4 import COLUMNS, read_student
from knowtrace.sources.gathering import Gathering
from knowtrace.sources.lines import numbered_lines, without_suffixes


@dataclass(kw_only=True)
class LandedLogs(Landed):
    """`rows` are answers as parsed; `lines` all lines of the files that could be read."""

    lines: Rows


def land_logs(
    files: Sequence[Member], questions: Mapping[str, Question], known: frozenset[str]
) -> LandedLogs:
    """Read logs of actions, graded by the questions; skip and reject files as `new_contents`."""
    nobody = Dataset(name="", format=EDNET_KT4, students={}, num_categories=2)
    landed = LandedLogs(rows=answer_rows(nobody, EDNET_KT4, ""), lines=line_rows([]))
    answers, lines = [landed.rows], [landed.lines]
    for file, content in new_contents(files, known, landed):
        try:
            text = content.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            reject_file(landed, file, f"the byte 0x{content[error.start]:02x} is not UTF-8")
            continue
        if (read := _read_log(file, text, questions, landed)) is not None:
            answers.append(read)
            numbered = numbered_lines(_stream(text), lambda _number, _line: None)
            lines.append(line_rows((file.name, number, line) for number, line in numbered))
    landed.rows, landed.lines = pa.concat_tables(answers), pa.concat_tables(lines)
    return landed


def _read_log(file: LandedFile, text: str, questions: Mapping[str, Question], landed: Landed) -> Rows | None:
    """Return the answers of one log, and count its rows; None where it lacks columns, and is rejected whole."""
    header, rows, rejected = rows_in(_stream(text))
    if missing := ", ".join(name for name in COLUMNS if name not in header):
        reject_file(landed, file, f"it has no column {missing}", missing)
        return None
    gathering = Gathering(name=file.name, format=EDNET_KT4, response_column="user_answer", is_binary=True)
    student = StudentFile(
        student_id=without_suffixes(Path(file.name)), file=file.name, questions=questions, gathering=gathering
    )
    landed.others += take_rows(student, (header, rows, rejected), read_student)
    # Who opened bundles and submitted none has no answers, which a source as a whole may not lack.
    answers = landed.rows
    if gathering.answers:
        answers = answer_rows(gathering.settle(), EDNET_KT4, file.name)
    landed.rejected += [
        Rejected(file=row.file, line=row.line, column=row.column, value=row.value, rule=row.rule)
        for row in gathering.quarantined
    ]
    file.num_merged, file.num_quarantined = gathering.num_merged, len(gathering.quarantined)
    file.num_rows = answers.num_rows + file.num_merged + file.num_quarantined
    return answers


def _stream(text: str) -> io.StringIO:
    return io.StringIO(text, newline=None)
