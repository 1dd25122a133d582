"""Published figures that ours stand beside, each with its source and how it differs. Never mixed with ours."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFigure:
    """A test AUC that others reported on a dataset, under pyKT's student split unless the note says otherwise."""

    data: str
    model: str
    auc: float
    source: str


PYKT = "pyKT (Liu et al., NeurIPS 2022, arXiv:2206.11460)"
LEAP_KT = "leap-kt, Hugging Face, 2026, own split, no answer foretold beside its other skills"

PUBLISHED = (
    PublishedFigure("assistments2009", "DKT on skills", 0.7541, PYKT),
    PublishedFigure(
        "assistments2009", "DKT on items (qDKT)", 0.7762, "DLKT rerun, README of ZhijieXiong/dlkt, 2024"
    ),
    PublishedFigure("assistments2009", "AKT", 0.7853, PYKT),
    PublishedFigure(
        "assistments2009",
        "QIKT",
        0.7878,
        "the pyKT team's tables, in RingoTC/KnowledgeTracingLeaderboard",
    ),
    PublishedFigure(
        "assistments2009",
        "S2KT",
        0.7949,
        "its authors' rerun, README of NEUwwh/S2KT, 2026, protocol not told",
    ),
    PublishedFigure("assistments2009", "BKT", 0.7171, LEAP_KT),
    PublishedFigure("assistments2009", "Best-LR, own split", 0.77, "Gervet et al., JEDM 12(3), 2020"),
    PublishedFigure("assistments2015", "DKT on skills", 0.7271, PYKT),
    PublishedFigure("assistments2015", "IEKT", 0.7297, LEAP_KT),
    PublishedFigure("assistments2015", "BKT", 0.7019, LEAP_KT),
    PublishedFigure("assistments2017", "AKT", 0.7702, "Ghosh et al., KDD 2020, arXiv:2007.12324"),
)


def published_for(data: str) -> list[PublishedFigure]:
    """Return the published figures of a dataset, best last."""
    return sorted((figure for figure in PUBLISHED if figure.data == data), key=lambda figure: figure.auc)
