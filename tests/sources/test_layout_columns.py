"""A layout has every column of the published files, with what follows from the answers and nothing invented."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from knowtrace.sources import Dataset, SimulationConfig, simulate
from knowtrace.sources.layouts import write_layout


def simulated() -> Dataset:
    return simulate(SimulationConfig(num_students=3, num_answers=5, num_items=6, num_skills=2), 5).dataset


HEADERS = {
    "assistments2012": {
        "2012-2013-data-with-predictions-4-final.csv": "problem_log_id,skill,problem_id,user_id,assignment_id,"
        "assistment_id,start_time,end_time,problem_type,original,correct,bottom_hint,hint_count,actions,attempt_count,"
        "ms_first_response,tutor_mode,sequence_id,student_class_id,position,type,base_sequence_id,skill_id,teacher_id,"
        "school_id,overlap_time,template_id,answer_id,answer_text,first_action,problemlogid,"
        "Average_confidence(FRUSTRATED),Average_confidence(CONFUSED),Average_confidence(CONCENTRATING),"
        "Average_confidence(BORED)",
    },
    "assistments2015": {"2015_100_skill_builders_main_problems.csv": "user_id,log_id,sequence_id,correct"},
    "assistments2017": {
        "anonymized_full_release_competition_dataset.csv": "studentId,MiddleSchoolId,InferredGender,"
        "SY ASSISTments Usage,AveKnow,AveCarelessness,AveCorrect,NumActions,AveResBored,AveResEngcon,AveResConf,"
        "AveResFrust,AveResOfftask,AveResGaming,action_num,skill,problemId,problemType,assignmentId,assistmentId,"
        "startTime,endTime,timeTaken,correct,original,hint,hintCount,hintTotal,scaffold,bottomHint,attemptCount,"
        "frIsHelpRequest,frPast5HelpRequest,frPast8HelpRequest,stlHintUsed,past8BottomOut,totalFrPercentPastWrong,"
        "totalFrPastWrongCount,frPast5WrongCount,frPast8WrongCount,totalFrTimeOnSkill,timeSinceSkill,"
        "frWorkingInSchool,totalFrAttempted,totalFrSkillOpportunities,responseIsFillIn,responseIsChosen,"
        "endsWithScaffolding,endsWithAutoScaffolding,frTimeTakenOnScaffolding,frTotalSkillOpportunitiesScaffolding,"
        "totalFrSkillOpportunitiesByScaffolding,frIsHelpRequestScaffolding,timeGreater5Secprev2wrong,sumRight,"
        "helpAccessUnder2Sec,timeGreater10SecAndNextActionRight,consecutiveErrorsInRow,sumTime3SDWhen3RowRight,"
        "sumTimePerSkill,totalTimeByPercentCorrectForskill,Prev5count,timeOver80,manywrong,confidence(BORED),"
        "confidence(CONCENTRATING),confidence(CONFUSED),confidence(FRUSTRATED),confidence(OFF TASK),"
        "confidence(GAMING),RES_BORED,RES_CONCENTRATING,RES_CONFUSED,RES_FRUSTRATED,RES_OFFTASK,RES_GAMING,Ln-1,Ln,"
        "MCAS,Enrolled,Selective,isSTEM",
    },
    "datashop": {
        "student_step.txt": "Row\tSample Name\tAnon Student Id\tProblem Hierarchy\tProblem Name\tProblem View\t"
        "Step Name\tStep Start Time\tFirst Transaction Time\tCorrect Transaction Time\tStep End Time\t"
        "Step Duration (sec)\tCorrect Step Duration (sec)\tError Step Duration (sec)\tFirst Attempt\t"
        "Incorrects\tHints\tCorrects\tCondition\tKC (Default)\tOpportunity (Default)\tPredicted Error Rate (Default)",
    },
    "edm-cup": {
        "action_logs.csv": "assignment_log_id,timestamp,problem_id,max_attempts,available_core_tutoring,score_viewable,"
        "continuous_score_viewable,action,hint_id,explanation_id",
        "assignment_details.csv": "assignment_log_id,teacher_id,class_id,student_id,sequence_id,"
        "assignment_release_date,assignment_due_date,assignment_start_time,assignment_end_time",
        "problem_details.csv": "problem_id,problem_multipart_id,problem_multipart_position,problem_type,"
        "problem_skill_code,problem_skill_description,problem_contains_image,problem_contains_equation,problem_contains_video,"
        "problem_text_bert_pca",
    },
    "ednet-kt1": {
        "KT1/u*.csv": "timestamp,solving_id,question_id,user_answer,elapsed_time",
        "contents/questions.csv": "question_id,bundle_id,explanation_id,correct_answer,part,tags,deployed_at",
    },
    "ednet-kt4": {
        "KT4/u*.csv": "timestamp,action_type,item_id,cursor_time,source,user_answer,platform",
    },
    "eedi": {
        "train_data/train_task_1_2.csv": "QuestionId,UserId,AnswerId,IsCorrect,CorrectAnswer,AnswerValue",
        "metadata/answer_metadata_task_1_2.csv": "AnswerId,DateAnswered,Confidence,GroupId,QuizId,SchemeOfWorkId",
        "metadata/question_metadata_task_1_2.csv": "QuestionId,SubjectId",
        "metadata/student_metadata_task_1_2.csv": "UserId,Gender,DateOfBirth,PremiumPupil",
        "metadata/subject_metadata.csv": "SubjectId,Name,ParentId,Level",
    },
    "riiid": {
        "train.csv": "row_id,timestamp,user_id,content_id,content_type_id,task_container_id,user_answer,"
        "answered_correctly,prior_question_elapsed_time,prior_question_had_explanation",
        "questions.csv": "question_id,bundle_id,correct_answer,part,tags",
        "lectures.csv": "lecture_id,tag,part,type_of",
    },
}
"""The published files' columns, in their order."""


@pytest.mark.parametrize("layout", HEADERS)
def test_a_layout_has_all_columns_of_the_published_files(tmp_path: Path, layout: str) -> None:
    write_layout(simulated(), layout, tmp_path)
    for name, header in HEADERS[layout].items():
        separator = "\t" if "\t" in header else ","
        lines = next(tmp_path.glob(name)).read_text(encoding="utf-8").splitlines()
        assert lines[0] == header
        assert {len(next(csv.reader([line], delimiter=separator))) for line in lines} == {
            header.count(separator) + 1
        }


def test_what_a_layout_adds_follows_from_the_answers(tmp_path: Path) -> None:
    """A student's second answer to one item: another view of a problem in DataShop, no new problem in 2017."""
    dataset = simulated()
    student, [first, second, *_] = next(iter(dataset.students.items()))
    again = replace(second, item_id=first.item_id, response=1 - first.response)
    dataset = replace(
        dataset, students={"before": [replace(first, student_id="before")], student: [first, again]}
    )
    for layout in ("assistments2017", "datashop"):
        write_layout(dataset, layout, tmp_path)
    with (tmp_path / "anonymized_full_release_competition_dataset.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["studentId"] == student]
    assert [(row["NumActions"], row["AveCorrect"], row["attemptCount"]) for row in rows] == [
        ("2", "0.500000", "1")
    ] * 2
    assert {row["confidence(BORED)"] for row in rows} == {""}
    with (tmp_path / "student_step.txt").open(encoding="utf-8") as stream:
        views = [row["Problem View"] for row in csv.DictReader(stream, delimiter="\t")]
    assert views == ["1", "1", "2"]
