"""The raw exports of ASSISTments 2012, 2015 and 2017: one table each, with all columns of the published files.

Every problem is an original one and an assistment of its own. What a dataset does not tell is empty: affect, estimates
of other models, schools, what was typed.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import Row, clock_text, row_of, timed, write_rows

COLUMNS_2012 = (
    "problem_log_id", "skill", "problem_id", "user_id", "assignment_id", "assistment_id", "start_time", "end_time",
    "problem_type", "original", "correct", "bottom_hint", "hint_count", "actions", "attempt_count", "ms_first_response",
    "tutor_mode", "sequence_id", "student_class_id", "position", "type", "base_sequence_id", "skill_id", "teacher_id",
    "school_id", "overlap_time", "template_id", "answer_id", "answer_text", "first_action", "problemlogid",
    "Average_confidence(FRUSTRATED)", "Average_confidence(CONFUSED)", "Average_confidence(CONCENTRATING)",
    "Average_confidence(BORED)",
)  # fmt: skip
COLUMNS_2015 = ("user_id", "log_id", "sequence_id", "correct")
COLUMNS_2017 = (
    "studentId", "MiddleSchoolId", "InferredGender", "SY ASSISTments Usage", "AveKnow", "AveCarelessness", "AveCorrect",
    "NumActions", "AveResBored", "AveResEngcon", "AveResConf", "AveResFrust", "AveResOfftask", "AveResGaming",
    "action_num", "skill", "problemId", "problemType", "assignmentId", "assistmentId", "startTime", "endTime",
    "timeTaken", "correct", "original", "hint", "hintCount", "hintTotal", "scaffold", "bottomHint", "attemptCount",
    "frIsHelpRequest", "frPast5HelpRequest", "frPast8HelpRequest", "stlHintUsed", "past8BottomOut",
    "totalFrPercentPastWrong", "totalFrPastWrongCount", "frPast5WrongCount", "frPast8WrongCount", "totalFrTimeOnSkill",
    "timeSinceSkill", "frWorkingInSchool", "totalFrAttempted", "totalFrSkillOpportunities", "responseIsFillIn",
    "responseIsChosen", "endsWithScaffolding", "endsWithAutoScaffolding", "frTimeTakenOnScaffolding",
    "frTotalSkillOpportunitiesScaffolding", "totalFrSkillOpportunitiesByScaffolding", "frIsHelpRequestScaffolding",
    "timeGreater5Secprev2wrong", "sumRight", "helpAccessUnder2Sec", "timeGreater10SecAndNextActionRight",
    "consecutiveErrorsInRow", "sumTime3SDWhen3RowRight", "sumTimePerSkill", "totalTimeByPercentCorrectForskill",
    "Prev5count", "timeOver80", "manywrong", "confidence(BORED)", "confidence(CONCENTRATING)", "confidence(CONFUSED)",
    "confidence(FRUSTRATED)", "confidence(OFF TASK)", "confidence(GAMING)", "RES_BORED", "RES_CONCENTRATING",
    "RES_CONFUSED", "RES_FRUSTRATED", "RES_OFFTASK", "RES_GAMING", "Ln-1", "Ln", "MCAS", "Enrolled", "Selective",
    "isSTEM",
)  # fmt: skip


def write_assistments2012(dataset: Dataset, folder: Path) -> None:
    """Write one row per answer and skill."""
    write_rows(folder / "2012-2013-data-with-predictions-4-final.csv", COLUMNS_2012, _rows_2012(dataset))


def write_assistments2015(dataset: Dataset, folder: Path) -> None:
    """Write one row per answer: its first skill stands for its item."""
    rows = (
        (answer.student_id, log_id, next(iter(answer.skill_ids), answer.item_id), answer.response)
        for log_id, (answer, _) in enumerate(timed(dataset), 1)
    )
    write_rows(folder / "2015_100_skill_builders_main_problems.csv", COLUMNS_2015, rows)


def write_assistments2017(dataset: Dataset, folder: Path) -> None:
    """Write one row per answer, with its first skill."""
    write_rows(folder / "anonymized_full_release_competition_dataset.csv", COLUMNS_2017, _rows_2017(dataset))


def _rows_2012(dataset: Dataset) -> Iterator[Row]:
    for log_id, (answer, time) in enumerate(timed(dataset), 1):
        elapsed = answer.elapsed_seconds
        start = time - timedelta(seconds=elapsed or 0)
        milliseconds = "" if elapsed is None else round(elapsed * 1000)
        for skill in answer.skill_ids or ("",):
            cells = {
                "problem_log_id": log_id,
                "skill": dataset.skill_names.get(skill, ""),
                "problem_id": answer.item_id,
                "user_id": answer.student_id,
                "assignment_id": answer.session_id,
                "assistment_id": answer.item_id,
                "start_time": clock_text(start),
                "end_time": clock_text(time),
                "original": 1,
                "correct": answer.response,
                "hint_count": answer.hints_used,
                "attempt_count": answer.attempt,
                "ms_first_response": milliseconds,
                "tutor_mode": "tutor",
                "skill_id": skill,
                "overlap_time": milliseconds,
                "problemlogid": log_id,
            }
            yield row_of(COLUMNS_2012, cells)


def _rows_2017(dataset: Dataset) -> Iterator[Row]:
    number = 0
    for student_id, answers in groupby(timed(dataset), key=lambda pair: pair[0].student_id):
        history = list(answers)
        share_correct = sum(answer.response for answer, _ in history) / len(history)
        problems: set[str] = set()
        for answer, time in history:
            number += 1
            problems.add(answer.item_id)
            elapsed = answer.elapsed_seconds
            end = time.timestamp()
            cells = {
                "studentId": student_id,
                "AveCorrect": f"{share_correct:.6f}",
                "NumActions": len(history),
                "action_num": number,
                "skill": next(iter(answer.skill_ids), ""),
                "problemId": answer.item_id,
                "assignmentId": answer.session_id,
                "assistmentId": answer.item_id,
                "startTime": f"{end - (elapsed or 0):.3f}",
                "endTime": f"{end:.3f}",
                "timeTaken": elapsed,
                "correct": answer.response,
                "original": 1,
                "hint": 0,
                "hintCount": answer.hints_used,
                "hintTotal": answer.hints_used,
                "scaffold": 0,
                "attemptCount": len(problems),
            }
            yield row_of(COLUMNS_2017, cells)
