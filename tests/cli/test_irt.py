"""`knowtrace irt`, as a person types it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace import cli

Said = tuple[int, str, str]


@pytest.fixture
def irt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["knowtrace", "irt", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """All patterns of three items, and a fourth that everybody answers right."""
    path = tmp_path / "wide.csv"
    rows = [f"{n >> 2 & 1},{n >> 1 & 1},{n & 1},1,f,{9 if n in (0, 7) else 3 + n % 2}" for n in range(8)]
    path.write_text("\n".join(["easy,middle,[hard],all,sex,count", *rows]) + "\n")
    return path


def test_a_table_for_people(irt: Callable[..., Said], wide: Path) -> None:
    code, text, said = irt(wide, "--drop", "sex")
    assert code == 0
    assert "wide.csv: 2pl, 39 students, 3 items" in text
    for part in (
        "easy",
        "[hard]",
        "slope a",
        "log-likelihood -",
        "AIC",
        "BIC",
        "reliability of EAP scores 0.",
    ):
        assert part in text
    assert "all is left out: every answer is 1, which says nothing of ability." in said


def test_json_to_a_pipe_and_to_a_file(irt: Callable[..., Said], wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit.json"
    code, text, _ = irt(wide, "--items", "easy,mid*,[[]hard]", "--model", "1pl", "--json", "--out", out)
    assert code == 0
    content = json.loads(text)
    assert content == json.loads(out.read_text())
    assert content["num_parameters"] == 4
    slopes = {item["slope"] for item in content["items"]}
    assert len(slopes) == 1
    assert content["items"][0]["slope_error"] > 0


def test_graded_items_of_different_widths(irt: Callable[..., Said], tmp_path: Path) -> None:
    path = tmp_path / "graded.csv"
    rows = [f"{n % 3},{(n // 2) % 2},{(n // 3) % 3}" for n in range(60)]
    path.write_text("\n".join(["a,b,c", *rows]) + "\n")
    code, text, _ = irt(path, "--model", "grm")
    assert code == 0
    assert "d1" in text
    assert "b2" in text


def test_any_answers_count_with_the_first_of_each_student(irt: Callable[..., Said], tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [f"s{n},i{k},{(n * (k + 3) // 5) % 2}" for n in range(40) for k in range(5)]
    path.write_text("\n".join(["pupil,item,correct", *rows, "s0,i0,1"]) + "\n")
    code, text, _ = irt(path, "--columns", "student=pupil", "--model", "1pl", "--json")
    assert code == 0
    assert (json.loads(text)["num_students"], json.loads(text)["num_items"]) == (40, 5)


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ([], "not numbers in sex (line 2: 'f')"),
        (
            ["--drop", "sex", "--model", "rasch"],
            "No model 'rasch'. Known: 1pl, 2pl, 3pl, grm, gpcm, sequential.",
        ),
        (["--items", "easy,middle"], "too few for the 4 parameters of 2pl"),
        (["--items", "easy", "--columns", "item=easy"], "give one"),
    ],
)
def test_bad_input_gets_one_line(
    irt: Callable[..., Said], wide: Path, arguments: list[str], because: str
) -> None:
    code, text, said = irt(wide, *arguments)
    assert (code, text) == (2, "")
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert because in said


def test_a_missing_file_gets_one_line(irt: Callable[..., Said], tmp_path: Path) -> None:
    code, _, said = irt(tmp_path / "none.csv")
    assert code == 2
    assert "There is no file at" in said


def test_help_has_an_example(irt: Callable[..., Said]) -> None:
    assert "Example: knowtrace irt" in irt("--help")[1]


def test_the_command_line_does_not_wait_for_scipy() -> None:
    code = "import sys, knowtrace.cli; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
