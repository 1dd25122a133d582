"""EdNet's size in EdNet's layout: a file per student, as many answers as asked, from a Rasch model.

    python benchmarks/ednet_scale.py --out FOLDER --answers 10000000

Students have lognormal numbers of answers (mean 167, as the 784,309 students of EdNet with 131,441,538), items 13,169 of
EdNet's size with one to four of 188 tags, elapsed times are lognormal, bundles hold one to three questions.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

MEAN_ANSWERS = 131_441_538 / 784_309
NUM_ITEMS = 13_169
NUM_TAGS = 188
BLOCK = 2_000
"""Students simulated at once."""

START = 1_493_596_800_000
"""2017-05-01, in milliseconds."""

YEARS = 2.6
HEADER = b"timestamp,solving_id,question_id,user_answer,elapsed_time\n"


def write_questions(folder: Path, seed: int) -> None:
    """Write contents/questions.csv: keys and tags of each item."""
    rng = np.random.default_rng(seed)
    (folder / "contents").mkdir(parents=True, exist_ok=True)
    lines = ["question_id,bundle_id,explanation_id,correct_answer,part,tags,deployed_at"]
    for item in range(1, NUM_ITEMS + 1):
        tags = ";".join(
            str(tag) for tag in sorted(rng.choice(NUM_TAGS, rng.integers(1, 5), replace=False) + 1)
        )
        lines.append(f"q{item},b{item},e{item},{'abcd'[item % 4]},{item % 7 + 1},{tags},0")
    (folder / "contents" / "questions.csv").write_text("\n".join(lines) + "\n", encoding="ascii")


def write_block(folder: Path, first: int, num_students: int, seed: int) -> int:
    """Write the files of students first .. first + num_students - 1; return how many answers they gave."""
    rng = np.random.default_rng((seed, first))
    sigma = 1.6
    counts = np.maximum(
        rng.lognormal(np.log(MEAN_ANSWERS) - sigma**2 / 2, sigma, num_students).astype(int), 1
    )
    total = int(counts.sum())
    student = np.repeat(np.arange(num_students), counts)
    item = (NUM_ITEMS * rng.beta(0.6, 1.4, total)).astype(np.int64) + 1
    difficulty = np.sin(item * 12.9898) * 1.5
    ability = rng.normal(0.6, 1.0, num_students)
    right = rng.random(total) < 1 / (1 + np.exp(difficulty - ability[student]))
    key = item % 4
    choice = np.where(right, key, (key + 1 + rng.integers(0, 3, total)) % 4)
    elapsed = (rng.lognormal(3.1, 0.6, total) * 1000).astype(np.int64)
    begin = START + (rng.random(num_students) * YEARS * 3.15e10).astype(np.int64)
    bundle_end = rng.random(total) < 0.6
    pause = np.where(bundle_end, np.where(rng.random(total) < 0.03, rng.exponential(8.64e7, total), 5_000), 0)
    walked = np.cumsum(elapsed + pause.astype(np.int64))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    time = begin[student] + walked - np.repeat(walked[starts], counts)
    solving = np.cumsum(bundle_end)
    solving = solving - np.repeat(solving[starts], counts) + 1
    letters = pa.array(list("abcd"))
    questions = pa.array([f"q{number}" for number in range(NUM_ITEMS + 2)])
    table = pa.table(
        {
            "timestamp": time,
            "solving_id": solving,
            "question_id": questions.take(pa.array(item)),
            "user_answer": letters.take(pa.array(choice)),
            "elapsed_time": elapsed,
        }
    )
    sink = BytesIO()
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    arrow_csv.write_csv(table, sink, options)
    text = sink.getbuffer()
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")) + 1
    cuts = np.concatenate([[0], ends[np.cumsum(counts) - 1]])
    for number in range(num_students):
        name = first + number + 1
        target = folder / "KT1" / f"{name % 100:02d}" / f"u{name}.csv"
        target.write_bytes(HEADER + text[cuts[number] : cuts[number + 1]])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    num_students = round(arguments.answers / MEAN_ANSWERS)
    for part in range(100):
        (arguments.out / "KT1" / f"{part:02d}").mkdir(parents=True, exist_ok=True)
    write_questions(arguments.out, arguments.seed)
    firsts = range(0, num_students, BLOCK)
    sizes = [min(BLOCK, num_students - first) for first in firsts]
    with ProcessPoolExecutor(arguments.workers) as pool:
        n = len(sizes)
        totals = pool.map(write_block, [arguments.out] * n, firsts, sizes, [arguments.seed] * n)
        total = sum(totals)
    print(f"{num_students:,} students, {total:,} answers in {arguments.out}")


if __name__ == "__main__":
    main()
