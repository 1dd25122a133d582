"""Item banks in and out: JSON, CSV and QTI 3.0, told apart by the name of the file or folder."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from knowtrace.catalogue.bank_csv import read_bank_csv, write_bank_csv
from knowtrace.catalogue.bank_json import read_bank_json, write_bank_json
from knowtrace.catalogue.item_bank import ItemBank, check_bank
from knowtrace.catalogue.problems import Problems
from knowtrace.catalogue.qti_package import read_package, write_package
from knowtrace.errors import DataError

FORMS = ".json, .csv, .zip (a QTI package), .xml (one QTI item), or a folder of QTI items"


@dataclass(frozen=True, kw_only=True)
class ReadBank:
    """A bank that breaks no rule, and how often what of its source has no place in one."""

    bank: ItemBank
    left_out: Counter[str]


def read_bank(path: Path) -> ReadBank:
    """Read a bank by what its name ends in; a folder is QTI.

    Raises: DataError naming everything that breaks a rule, with its place and value.
    """
    problems = Problems(path.name)
    left_out: Counter[str] = Counter()
    suffix = "" if path.is_dir() else path.suffix.lower()
    if not path.exists():
        raise DataError(f"{path} is not there: give {FORMS}.")
    if suffix == ".json":
        bank = read_bank_json(path, problems)
    elif suffix == ".csv":
        bank = read_bank_csv(path, problems)
    elif suffix in ("", ".zip", ".xml"):
        package = read_package(path, problems)
        bank, left_out = package.bank, package.left_out
    else:
        raise DataError(f"{path} is no form of an item bank that is read: give {FORMS}.")
    check_bank(bank, problems)
    problems.raise_any("Correct these, or take them out. `docs/catalogue.md` has the rules.")
    return ReadBank(bank=bank, left_out=left_out)


def write_bank(bank: ItemBank, path: Path) -> Counter[str]:
    """Write a bank by what the name ends in (.json, .csv, .zip; without an ending a QTI folder).

    Returns how often what of the bank has no place there. Raises: DataError when the bank breaks a rule or the place
    cannot be written.
    """
    problems = Problems(path.name)
    check_bank(bank, problems)
    problems.raise_any("Nothing was written.")
    suffix = path.suffix.lower()
    if suffix == ".json":
        write_bank_json(bank, path)
    elif suffix == ".csv":
        write_bank_csv(bank, path)
    elif suffix in ("", ".zip"):
        write_package(bank, path)
        counted = sum(bool(item.item.category_counts) for item in bank.items)
        return Counter({"category counts of items": counted} if counted else {})
    else:
        raise DataError(
            f"{path} is no form of an item bank that is written: use .json, .csv, .zip or a folder."
        )
    return Counter()
