"""The cohorts of the synthetic spine register: what is printed about them and what is assumed.

A cohort is a set of operations about which print says something of its own. Numbers read from
``demo.published`` are print; every number written in this file is an assumption, listed in
demo/README.md, unless a comment names the printed sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from demo.published import table

Moments = Mapping[str, Mapping[str, tuple[float, float]]]
"""Scale → time point → (mean, SD)."""

LUMBAR_SCALES = ("vas_leg", "vas_back", "eq5d", "odi")
CERVICAL_SCALES = ("vas_arm", "vas_neck", "eq5d", "ndi")

OVERALL = 98_000


@dataclass(frozen=True)
class Cohort:
    """One cohort: size, answers, moments, and who its patients are.

    ``total`` is the number of operations 2009–2022. ``answers`` maps a time point to the number of
    answered questionnaires; ``None`` before surgery means that it follows from the lumbar total.
    ``groups``, ``diagnoses``, ``procedures`` and ``levels`` are codes of the register definition
    with their shares; levels are joined by a space.
    Shares lie between 0 and 1; ages are in completed years, BMI in kg/m².
    """

    code: str
    family: str
    groups: Mapping[str, float]
    total: int
    moments: Moments
    answers: Mapping[str, int | None]
    diagnoses: Mapping[str, float]
    procedures: Mapping[str, float]
    levels: Mapping[str, float]
    age: tuple[float, float]
    age_range: tuple[int, int] = (18, 94)
    women: float = 0.5
    bmi: tuple[float, float] = (27.0, 4.5)
    smokers: float = 0.22
    # Shares of under 3, 3–12, 12–24 and over 24 months with pain in back or neck, and in leg or arm
    duration_axial: tuple[float, float, float, float] = (0.10, 0.36, 0.20, 0.34)
    duration_limb: tuple[float, float, float, float] = (0.12, 0.40, 0.20, 0.28)
    # Share walking over 1 km before surgery and at one year.
    walks_far: tuple[float, float] = (0.25, 0.47)
    weekdays: str = "elective"

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales this cohort is asked."""
        return tuple(self.moments)


def _printed(table_number: str) -> tuple[dict[str, dict[str, tuple[float, float]]], dict[str, int]]:
    """Moments and numbers of answers of one printed outcome table, keyed by our codes."""
    names = {"VAS leg": "vas_leg", "VAS back": "vas_back", "VAS arm": "vas_arm",
             "VAS neck": "vas_neck", "EQ-5D": "eq5d", "ODI": "odi", "NDI": "ndi"}  # fmt: skip
    columns = {"before": "preop", "y1": "y1", "y2": "y2"}
    moments: dict[str, dict[str, tuple[float, float]]] = {}
    answers: dict[str, int] = {}
    for row in table("danespine_outcomes"):
        if row["table"] != table_number:
            continue
        for point, column in columns.items():
            printed = row[f"{column}_mean"]
            if not printed:
                continue
            if row["measure"] == "N patients":
                answers[point] = int(printed)
            else:
                spread = float(row[f"{column}_sd"] or "nan")
                moments.setdefault(names[row["measure"]], {})[point] = (float(printed), spread)
    return moments, answers


def _eq5d(*points: tuple[float, float]) -> dict[str, tuple[float, float]]:
    return dict(zip(("before", "y1", "y2"), points, strict=False))


def _assumed(
    disability: str,
    disability_points: tuple[tuple[float, float], ...],
    eq5d_points: tuple[tuple[float, float], ...],
    **pain: tuple[tuple[float, float], ...],
) -> dict[str, dict[str, tuple[float, float]]]:
    moments = {scale: _eq5d(*points) for scale, points in pain.items()}
    moments["eq5d"] = _eq5d(*eq5d_points)
    moments[disability] = _eq5d(*disability_points)
    return moments


# Methods of the lumbar groups and how often each is used, where print does not say.
_DECOMPRESSION = {"decompression": 0.82, "fusion_uninstrumented": 0.08, "fusion_instrumented": 0.10}
_FUSIONS = {"fusion_instrumented": 0.62, "fusion_uninstrumented": 0.08,
            "fusion_anterior_cage": 0.30}  # fmt: skip
_LOW_LEVELS = {"L2-L3": 0.08, "L3-L4": 0.30, "L4-L5": 0.47, "L5-S1": 0.15}
_DISC_LEVELS = {"L2-L3": 0.02, "L3-L4": 0.06, "L4-L5": 0.44, "L5-S1": 0.48}
_NECK_LEVELS = {"C3-C4": 0.07, "C4-C5": 0.14, "C5-C6": 0.45, "C6-C7": 0.34}

_LUMBAR_REST = _assumed(
    "odi",
    ((41.0, 15.9), (28.4, 19.3), (28.8, 19.5)),
    ((0.41, 0.32), (0.62, 0.31), (0.62, 0.31)),
    vas_leg=((53.0, 30.2), (33.5, 31.5), (34.9, 31.8)),
    vas_back=((56.1, 28.9), (36.8, 30.4), (37.9, 30.6)),
)


@lru_cache(maxsize=1)
def cohorts() -> tuple[Cohort, ...]:
    """Every cohort, in the order in which the annual report treats them."""
    diagnoses = {
        row["diagnosis_group"]: int(row["n_2009_2022"])
        for row in table("danespine_lumbar_diagnoses")
    }
    operated = _segmental_operations()
    neck_total = 12_846  # printed: cervical operations 2009-2022
    myelopathy_total = 2_400
    vertebroplasty_total = sum(
        int(row["n_2009_2022"])
        for row in table("danespine_vertebroplasty_by_unit")
        if row["unit"] != "Total"
    )
    malignant_total = 144
    scoliosis_total = sum(int(row["n"]) for row in table("danespine_scoliosis_operations_by_year"))

    def printed(number: str) -> dict[str, object]:
        moments, answers = _printed(number)
        return {"moments": moments, "answers": answers}

    def rest(total: int) -> dict[str, object]:
        return {
            "moments": _LUMBAR_REST,
            "answers": {"before": None, "y1": round(0.46 * total), "y2": round(0.36 * total)},
        }

    segmental = diagnoses["Other spondylosis with radiculopathy"]
    radiculopathy = {"M47.2": 1.0}
    listed = [
        Cohort(
            code="stenosis",
            family="lumbar",
            groups={"lumbar_stenosis": 0.85, "lumbar_stenosis_olisthesis": 0.15},
            total=diagnoses["Spinal stenosis"],
            **printed("4"),
            diagnoses={"M48.0": 1.0},
            procedures=_DECOMPRESSION,
            levels=_LOW_LEVELS,
            age=(67.0, 10.4),
            women=0.54,
            bmi=(27.8, 4.6),
            duration_axial=(0.04, 0.24, 0.20, 0.52),
            duration_limb=(0.05, 0.31, 0.22, 0.42),
            # printed: walking over 1000 m before and after stenosis decompression, 15 % to 44 %
            walks_far=(0.15, 0.44),
        ),
        Cohort(
            code="herniation",
            family="lumbar",
            groups={"lumbar_disc_herniation": 1.0},
            total=diagnoses["Disc herniation with radiculopathy"],
            **printed("5"),
            diagnoses={"M51.1": 1.0},
            procedures={"discectomy": 0.94, "decompression": 0.06},
            levels=_DISC_LEVELS,
            # printed: mean age 47, men/women 56/44 %
            age=(47.0, 13.6),
            women=0.44,
            smokers=0.29,
            duration_axial=(0.22, 0.41, 0.14, 0.23),
            duration_limb=(0.27, 0.47, 0.12, 0.14),
            walks_far=(0.30, 0.68),
        ),
        Cohort(
            code="segmental_decompression",
            family="lumbar",
            groups={"lumbar_spondylosis_radiculopathy": 1.0},
            total=operated["6"],
            **printed("6"),
            diagnoses=radiculopathy,
            procedures={"decompression": 1.0},
            levels=_LOW_LEVELS,
            age=(64.1, 12.7),
            women=0.551,
            bmi=(27.4, 4.7),
            # printed: back pain over 12 months 47.4 %, leg pain over 12 months 57.9 %
            duration_axial=(0.10, 0.426, 0.174, 0.30),
            duration_limb=(0.07, 0.351, 0.219, 0.36),
        ),
        Cohort(
            code="segmental_fusion",
            family="lumbar",
            groups={"lumbar_spondylosis_radiculopathy": 1.0},
            total=operated["7"],
            **printed("7"),
            diagnoses=radiculopathy,
            procedures={"fusion_instrumented": 0.84, "fusion_uninstrumented": 0.16},
            levels=_LOW_LEVELS,
            # the text's age, not the table's; see demo/published/README.md
            age=(56.4, 13.2),
            women=0.562,
            bmi=(26.5, 4.3),
            duration_axial=(0.05, 0.315, 0.205, 0.43),
            duration_limb=(0.08, 0.432, 0.188, 0.30),
        ),
        Cohort(
            code="segmental_cage",
            family="lumbar",
            groups={"lumbar_spondylosis_radiculopathy": 1.0},
            total=operated["8"],
            **printed("8"),
            diagnoses=radiculopathy,
            procedures={"fusion_anterior_cage": 1.0},
            levels=_LOW_LEVELS,
            age=(49.4, 12.5),
            women=0.599,
            bmi=(27.3, 4.6),
            duration_axial=(0.05, 0.305, 0.205, 0.44),
            duration_limb=(0.07, 0.401, 0.209, 0.32),
        ),
        Cohort(
            code="segmental_other",
            family="lumbar",
            groups={"lumbar_spondylosis_radiculopathy": 1.0},
            total=segmental - sum(operated.values()),
            **rest(segmental - sum(operated.values())),
            diagnoses=radiculopathy,
            procedures={"discectomy": 0.5, "disc_prosthesis": 0.2, "other": 0.3},
            levels=_LOW_LEVELS,
            age=(57.0, 13.0),
            women=0.56,
        ),
        Cohort(
            code="spondylolisthesis",
            family="lumbar",
            groups={"lumbar_spondylolisthesis": 1.0},
            total=diagnoses["Spondylolisthesis"],
            **rest(diagnoses["Spondylolisthesis"]),
            diagnoses={"M43.1": 0.96, "Q76.2": 0.04},
            procedures={
                "fusion_instrumented": 0.48,
                "fusion_uninstrumented": 0.12,
                "fusion_anterior_cage": 0.22,
                "decompression": 0.18,
            },
            levels={"L3-L4": 0.14, "L4-L5": 0.60, "L5-S1": 0.26},
            age=(60.0, 14.0),
            women=0.66,
            duration_axial=(0.03, 0.21, 0.18, 0.58),
            duration_limb=(0.06, 0.32, 0.21, 0.41),
        ),
        Cohort(
            code="spondylosis_unspecified",
            family="lumbar",
            groups={"lumbar_spondylosis_unspecified": 1.0},
            total=diagnoses["Spondylosis unspecified"],
            **rest(diagnoses["Spondylosis unspecified"]),
            diagnoses={"M47.9": 1.0},
            procedures=_FUSIONS,
            levels=_LOW_LEVELS,
            age=(57.0, 13.5),
            women=0.55,
        ),
        Cohort(
            code="disc_degeneration",
            family="lumbar",
            groups={"lumbar_disc_degeneration": 1.0},
            total=diagnoses["Disc degeneration"],
            **rest(diagnoses["Disc degeneration"]),
            diagnoses={"M51.3": 1.0},
            procedures={
                "fusion_instrumented": 0.36,
                "fusion_anterior_cage": 0.44,
                "disc_prosthesis": 0.20,
            },
            levels=_DISC_LEVELS,
            age=(45.0, 10.8),
            women=0.55,
            smokers=0.28,
            duration_axial=(0.01, 0.13, 0.18, 0.68),
            duration_limb=(0.05, 0.28, 0.22, 0.45),
        ),
        Cohort(
            code="lumbar_other",
            family="lumbar",
            groups={"lumbar_other": 1.0},
            total=diagnoses["Other diagnosis"],
            **rest(diagnoses["Other diagnosis"]),
            diagnoses={"M96.1": 0.6, "M53.2": 0.2, "M51.8": 0.2},
            procedures={"decompression": 0.5, "fusion_instrumented": 0.5},
            levels=_LOW_LEVELS,
            age=(56.0, 14.5),
            women=0.54,
        ),
        Cohort(
            code="radiculopathy",
            family="cervical",
            groups={"cervical_radiculopathy": 1.0},
            total=neck_total - myelopathy_total,
            **printed("10"),
            diagnoses={"M50.1": 0.55, "M47.2": 0.45},
            procedures={"anterior_fusion": 0.82, "disc_prosthesis": 0.10, "decompression": 0.08},
            levels=_NECK_LEVELS,
            # printed: age 51.4 (SD 9.8), BMI 27.0 (SD 4.5), women 49.8 %
            age=(51.4, 9.8),
            women=0.498,
            bmi=(27.0, 4.5),
            smokers=0.31,
            walks_far=(0.55, 0.70),
        ),
        Cohort(
            code="myelopathy",
            family="cervical",
            groups={"cervical_myelopathy": 1.0},
            total=myelopathy_total,
            **printed("11"),
            diagnoses={"M50.0": 0.35, "M47.1": 0.65},
            procedures={"anterior_fusion": 0.66, "decompression": 0.22, "laminoplasty": 0.12},
            levels=_NECK_LEVELS,
            age=(61.0, 12.0),
            women=0.42,
            walks_far=(0.35, 0.48),
        ),
        Cohort(
            code="scoliosis",
            family="deformity",
            groups={"scoliosis": 1.0},
            total=scoliosis_total,
            moments={"eq5d": _eq5d((0.72, 0.25), (0.82, 0.22), (0.83, 0.22))},
            answers={"before": 1_430, "y1": 1_010, "y2": 780},
            diagnoses={"M41.1": 0.62, "M41.4": 0.18, "M41.8": 0.20},
            procedures={"deformity_correction": 1.0},
            levels={"T4 T5 T6 T7 T8 T9 T10 T11 T12": 0.6, "T10 T11 T12 L1 L2 L3": 0.4},
            age=(19.0, 9.0),
            age_range=(10, 80),
            women=0.78,
            bmi=(21.5, 3.8),
            smokers=0.08,
            duration_axial=(0.02, 0.10, 0.20, 0.68),
            duration_limb=(0.25, 0.25, 0.20, 0.30),
            walks_far=(0.85, 0.90),
        ),
        Cohort(
            code="fracture_cervical",
            family="fracture",
            groups={"fracture_cervical": 1.0},
            total=620,
            moments=_assumed(
                "ndi",
                ((30.0, 21.0), (24.0, 18.0), (23.0, 18.0)),
                ((0.52, 0.35), (0.68, 0.30), (0.69, 0.30)),
            ),
            answers={"before": 130, "y1": 210, "y2": 160},
            diagnoses={"S12.1": 0.4, "S12.2": 0.6},
            procedures={"fracture_stabilisation": 1.0},
            levels={"C1 C2": 0.4, "C5 C6": 0.6},
            age=(58.0, 20.0),
            women=0.36,
            weekdays="acute",
            walks_far=(0.55, 0.66),
        ),
        Cohort(
            code="fracture_thoracic",
            family="fracture",
            groups={"fracture_thoracic": 1.0},
            total=820,
            moments=_assumed(
                "odi",
                ((46.0, 21.0), (27.0, 19.0), (26.0, 19.0)),
                ((0.36, 0.36), (0.65, 0.30), (0.66, 0.30)),
            ),
            answers={"before": 160, "y1": 270, "y2": 210},
            diagnoses={"S22.0": 0.85, "S22.1": 0.15},
            procedures={"fracture_stabilisation": 1.0},
            levels={"T12": 0.6, "T7": 0.4},
            age=(51.0, 19.0),
            women=0.40,
            weekdays="acute",
            walks_far=(0.30, 0.60),
        ),
        Cohort(
            code="fracture_lumbar",
            family="fracture",
            groups={"fracture_lumbar": 1.0},
            total=860,
            moments=_assumed(
                "odi",
                ((48.0, 21.0), (28.0, 19.0), (27.0, 19.0)),
                ((0.33, 0.36), (0.64, 0.30), (0.65, 0.30)),
            ),
            answers={"before": 170, "y1": 290, "y2": 220},
            diagnoses={"S32.0": 1.0},
            procedures={"fracture_stabilisation": 1.0},
            levels={"L1": 0.8, "L3": 0.2},
            age=(49.0, 18.0),
            women=0.42,
            weekdays="acute",
            walks_far=(0.28, 0.58),
        ),
        Cohort(
            code="vertebroplasty_osteoporotic",
            family="vertebroplasty",
            groups={"vertebroplasty_osteoporotic": 1.0},
            total=vertebroplasty_total - malignant_total,
            moments=_with_spread(_printed("13")[0]),
            answers=_printed("13")[1],
            diagnoses={"M80.0": 0.8, "M80.8": 0.2},
            procedures={"vertebroplasty": 1.0},
            levels={"T12": 0.35, "L1": 0.40, "L3": 0.15, "T8": 0.10},
            # printed: women 68 %, women over 80 24 % (read as: of the women)
            age=(73.4, 9.2),
            age_range=(45, 94),
            women=0.68,
            bmi=(25.2, 4.4),
            duration_axial=(0.38, 0.42, 0.10, 0.10),
            duration_limb=(0.45, 0.35, 0.10, 0.10),
            walks_far=(0.12, 0.30),
        ),
        Cohort(
            code="vertebroplasty_malignant",
            family="vertebroplasty",
            groups={"vertebroplasty_malignant": 1.0},
            total=malignant_total,
            moments=_assumed(
                "odi",
                ((55.0, 18.0), (40.0, 20.0), (40.0, 20.0)),
                ((0.22, 0.36), (0.50, 0.34), (0.50, 0.34)),
            ),
            answers={"before": 88, "y1": 30, "y2": 16},
            diagnoses={"C79.5": 0.6, "C90.0": 0.4},
            procedures={"vertebroplasty": 1.0},
            levels={"T12": 0.4, "L1": 0.6},
            age=(68.0, 10.0),
            women=0.48,
            walks_far=(0.12, 0.25),
        ),
        Cohort(
            code="spondylodiscitis",
            family="infection",
            groups={"spondylodiscitis": 1.0},
            total=495,
            **printed("14"),
            diagnoses={"M46.4": 0.7, "M46.3": 0.3},
            procedures={"debridement": 0.6, "fusion_instrumented": 0.4},
            levels={"L3 L4": 0.4, "L4 L5": 0.4, "T11 T12": 0.2},
            age=(65.0, 12.5),
            women=0.38,
            weekdays="acute",
            walks_far=(0.10, 0.40),
        ),
        Cohort(
            code="metastasis",
            family="metastasis",
            groups={"metastasis": 1.0},
            total=1_300,
            **_six_weeks(_printed("15")),
            diagnoses={"C79.5": 1.0},
            procedures={"decompression": 0.4, "decompression_stabilisation": 0.6},
            levels={"T5": 0.3, "T9": 0.35, "L2": 0.35},
            age=(66.0, 11.0),
            women=0.42,
            weekdays="metastasis",
            walks_far=(0.15, 0.25),
        ),
    ]
    assert sum(cohort.total for cohort in listed) == OVERALL
    return tuple(listed)


def _segmental_operations() -> dict[str, int]:
    """Operations behind the three tables of segmental pain, from the printed counts and shares."""
    found = {}
    for row in table("danespine_segmental_pain_baseline"):
        if row["characteristic"] == "women":
            share, count = row["value"].removesuffix(")").split("% (")
            found[row["table"]] = round(int(count) / float(share) * 100)
    return found


def _with_spread(
    moments: dict[str, dict[str, tuple[float, float]]],
) -> dict[str, dict[str, tuple[float, float]]]:
    """Fill the SDs that print leaves out for vertebroplasty."""
    spread = {"eq5d": {"before": 0.36, "y1": 0.32, "y2": 0.33},
              "odi": {"before": 18.0, "y1": 20.0, "y2": 20.5}}  # fmt: skip
    return {
        scale: {point: (mean, spread[scale][point]) for point, (mean, _) in points.items()}
        for scale, points in moments.items()
    }


def _six_weeks(
    printed: tuple[dict[str, dict[str, tuple[float, float]]], dict[str, int]],
) -> dict[str, object]:
    """The metastasis table prints six weeks in the column of one year."""
    moments, answers = printed
    return {
        "moments": {
            scale: {"before": points["before"], "w6": points["y1"]}
            for scale, points in moments.items()
        },
        "answers": {"before": answers["before"], "w6": answers["y1"]},
    }
