"""Tokuhashi and Lenke, as the tables of their papers."""

import pytest

from proms.instruments import NO_PACKS, NotSendable, instrument, sendable
from proms.scoring import score_one

# --- Tokuhashi ---


def codes(item):
    return {option.code: option.value for option in instrument("tokuhashi").item(item).options}


ORGAN, FRANKEL, PRIMARY = codes("organ_metastases"), codes("frankel"), codes("primary")


def tokuhashi(karnofsky, bone, vertebral, organ, palsy, primary, variant=None):
    answers = {
        "karnofsky": karnofsky,
        "bone_foci": bone,
        "vertebral_metastases": vertebral,
        "organ_metastases": ORGAN[organ] if organ else None,
        "frankel": FRANKEL[palsy],
        "primary": PRIMARY[primary],
    }
    scored = score_one("tokuhashi", answers, variant=variant)
    return scored["tokuhashi"].value, scored["tokuhashi_band"].value


WORST = (10, 3, 3, "unremovable", "A", "lung")


@pytest.mark.parametrize(
    ("patient", "points"),
    [
        (WORST, 0),
        ((100, 0, 1, "none", "E", "thyroid"), 15),
        *[((k, *WORST[1:]), p) for k, p in ((40, 0), (50, 1), (70, 1), (80, 2), (100, 2))],
        *[((10, b, *WORST[2:]), p) for b, p in ((9, 0), (3, 0), (2, 1), (1, 1), (0, 2))],
        *[((10, 3, v, *WORST[3:]), p) for v, p in ((5, 0), (3, 0), (2, 1), (1, 2))],
        *[((10, 3, 3, o, "A", "lung"), p) for o, p in (("unremovable", 0), ("removable", 1), ("none", 2))],  # noqa: E501
        *[((*WORST[:4], f, "lung"), p) for f, p in (("A", 0), ("B", 0), ("C", 1), ("D", 1), ("E", 2))],  # noqa: E501
        *[
            ((*WORST[:5], site), points)
            for points, sites in {
                0: "lung osteosarcoma stomach bladder oesophagus pancreas",
                1: "liver gallbladder unidentified",
                2: "other",
                3: "kidney uterus",
                4: "rectum",
                5: "thyroid breast prostate carcinoid",
            }.items()
            for site in sites.split()
        ],
    ],
)  # fmt: skip
def test_tokuhashi(patient, points):
    assert tokuhashi(*patient)[0] == points


@pytest.mark.parametrize(
    ("score", "revised", "danespine"),
    [
        (0, "under_6_months", "3_months_or_less"),
        (5, "under_6_months", "3_months_or_less"),
        (6, "under_6_months", "12_months_or_less"),
        (8, "under_6_months", "12_months_or_less"),
        (9, "6_months_or_more", "12_months_or_more"),
        (11, "6_months_or_more", "12_months_or_more"),
        (12, "12_months_or_more", "12_months_or_more"),
        (15, "12_months_or_more", "12_months_or_more"),
    ],
)
def test_survival_bands_differ_between_the_paper_and_the_register(score, revised, danespine):
    by_score = {
        0: WORST,
        5: (*WORST[:5], "thyroid"),
        6: (50, *WORST[1:5], "thyroid"),
        8: (80, 2, *WORST[2:5], "thyroid"),
        9: (80, 0, *WORST[2:5], "thyroid"),
        11: (80, 0, 1, *WORST[3:5], "thyroid"),
        12: (80, 0, 1, "removable", "A", "thyroid"),
        15: (80, 0, 1, "none", "E", "thyroid"),
    }
    assert tokuhashi(*by_score[score]) == (score, revised)
    assert tokuhashi(*by_score[score], variant="danespine") == (score, danespine)


def test_tokuhashi_needs_every_answer():
    assert tokuhashi(50, 1, 1, None, "E", "lung") == (None, None)
    assert tokuhashi(55, 1, 1, "none", "E", "lung") == (None, None)  # not a ten
    assert tokuhashi(50, 1, 0, "none", "E", "lung") == (None, None)  # no spinal metastasis


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="known are revised, danespine"):
        tokuhashi(*WORST, variant="original")


@pytest.mark.parametrize("code", ["tokuhashi", "lenke"])
def test_what_surgeons_enter_is_not_sent_to_patients(code):
    ok, reason = sendable(instrument(code), "da", require_licensed=False, packs=NO_PACKS)
    assert (ok, reason) == (False, NotSendable.SURGEON)


# --- Lenke ---

A, B, C = 1, 2, 3  # centre sacral vertical line: between pedicles, touches, clear
_ = None


def lenke(pt, mt, tl, csvl, t5_t12=20, t2_t5=5, t10_l2=5):
    """Each curve as (Cobb, side-bending Cobb)."""
    answers = {
        "pt_cobb": pt[0], "pt_bend": pt[1], "mt_cobb": mt[0], "mt_bend": mt[1],
        "tl_cobb": tl[0], "tl_bend": tl[1], "csvl": csvl, "kyphosis_t5_t12": t5_t12,
        "kyphosis_t2_t5": t2_t5, "kyphosis_t10_l2": t10_l2,
    }  # fmt: skip
    found = score_one("lenke", answers)["lenke"]
    return found.value or found.reason


@pytest.mark.parametrize(
    ("pt", "mt", "tl", "csvl", "extra", "code"),
    [
        # PT        MT        TL/L      line  kyphosis
        ((20, 10), (50, 30), (30, 10), A, {}, "1AN"),
        ((20, 10), (50, 30), (30, 10), B, {}, "1BN"),
        ((20, 10), (50, 30), (30, 10), C, {}, "1CN"),
        ((35, 25), (50, 30), (30, 10), A, {}, "2AN"),  # bending 25° is structural …
        ((35, 24.9), (50, 30), (30, 10), A, {}, "1AN"),  # … and below is not
        ((35, 10), (50, 30), (30, 10), A, {"t2_t5": 20}, "2AN"),  # so is kyphosis of 20°
        ((35, 10), (50, 30), (30, 10), A, {"t2_t5": 19.9}, "1AN"),
        ((20, 10), (50, 30), (45, 30), C, {}, "3CN"),
        ((20, 10), (50, 30), (45, 10), C, {"t10_l2": 20}, "3CN"),
        ((35, 30), (60, 40), (45, 30), B, {}, "4BN"),
        ((35, 30), (45, 30), (60, 40), B, {}, "4BN"),  # three structural, TL/L the largest
        ((10, 5), (30, 10), (50, 30), C, {}, "5CN"),
        ((10, 5), (45, 30), (60, 40), C, {}, "6CN"),
        ((10, 5), (45, 10), (60, 40), C, {"t10_l2": 20}, "6CN"),  # of a minor main thoracic curve
        ((10, 5), (45, 10), (60, 40), C, {"t10_l2": 19.9}, "5CN"),  # T10–L2 decides, …
        ((10, 5), (45, 10), (60, 40), C, {"t2_t5": 20}, "no_type"),  # … and T2–T5 does not
        ((20, 10), (50, 30), (50, 30), C, {}, "3CN"),  # equal: the main thoracic is major
        ((70, 10), (50, 30), (30, 10), A, {}, "1AN"),  # the proximal curve is never major
        # sagittal modifier T5–T12
        ((20, 10), (50, 30), (30, 10), A, {"t5_t12": 9.9}, "1A-"),
        ((20, 10), (50, 30), (30, 10), A, {"t5_t12": 10}, "1AN"),
        ((20, 10), (50, 30), (30, 10), A, {"t5_t12": 40}, "1AN"),
        ((20, 10), (50, 30), (30, 10), A, {"t5_t12": 40.1}, "1A+"),
        ((20, 10), (50, 30), (30, 10), A, {"t5_t12": -15}, "1A-"),
        # no type, contradiction, missing
        ((35, 30), (30, 10), (50, 30), C, {}, "no_type"),
        ((10, 5), (30, 10), (50, 30), B, {}, "contradiction"),
        ((10, 5), (45, 30), (60, 40), A, {}, "contradiction"),
        ((20, 10), (50, _), (30, 10), A, {}, "1AN"),  # bending of the major curve decides nothing
        ((20, _), (50, 30), (30, 10), A, {}, "too_few_answers"),
        ((35, _), (50, 30), (30, 10), A, {"t2_t5": 25}, "2AN"),
        ((20, 10), (50, 30), (30, 10), _, {}, "too_few_answers"),
        ((20, 10), (_, 30), (30, 10), A, {}, "too_few_answers"),
        ((20, 10), (50, 30), (30, 10), A, {"t5_t12": _}, "too_few_answers"),
        ((20, 10), (50, 30), (30, 190), A, {}, "invalid_answer"),
    ],
)
def test_lenke(pt, mt, tl, csvl, extra, code):
    assert lenke(pt, mt, tl, csvl, **extra) == code
