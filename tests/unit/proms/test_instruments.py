"""Instrument files: complete, consistent, and refused with a reason when they are not."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError

from proms.instruments import (
    NO_PACKS,
    InstrumentError,
    NotSendable,
    UnknownInstrument,
    WordingPacks,
    WordingState,
    instrument,
    instruments,
    is_demonstration,
    sendable,
    wording,
    wording_state,
)
from proms.instruments.loader import DEFINITIONS, read_instrument
from registry.registers.schema.base import LANGUAGES

ACTIVE = [code for code, held in instruments().items() if held.status == "active"]
SF36_SCALES = [f"sf36_{s}" for s in "pf rp bp gh vt sf re mh pcs mcs".split()]  # noqa: SIM905
RAND36_SCALES = [f"rand36_{s}" for s in "pf rp re ef ew sf pain gh".split()]  # noqa: SIM905
SRS22R_SCALES = [
    "srs22r_function",
    "srs22r_pain",
    "srs22r_self_image",
    "srs22r_mental_health",
    "srs22r_satisfaction",
    "srs22r_subtotal",
    "srs22r_total",
]
ASKED = [code for code in ACTIVE if instrument(code).respondent == "patient"]


@pytest.mark.parametrize(
    ("code", "items", "scales"),
    [
        ("vas_back", 1, ["vas_back"]), ("vas_leg", 1, ["vas_leg"]), ("vas_neck", 1, ["vas_neck"]),
        ("vas_arm", 1, ["vas_arm"]), ("eq_vas", 1, ["eq_vas"]),
        ("vas", 5, ["vas_back", "vas_leg", "vas_neck", "vas_arm", "eq_vas"]),
        ("eq5d3l", 5, ["eq5d3l_index"]), ("odi", 10, ["odi"]), ("ndi", 10, ["ndi"]),
        ("patient_baseline", 9, []), ("patient_followup", 3, []),
        ("eq5dy3l", 5, ["eq5dy3l_profile"]),
        ("sf36", 36, SF36_SCALES),
        ("rand36", 36, RAND36_SCALES),
        ("srs22r", 22, SRS22R_SCALES),
        ("tokuhashi", 6, ["tokuhashi", "tokuhashi_band"]), ("lenke", 10, ["lenke"]),
    ],
)  # fmt: skip
def test_what_an_instrument_asks_and_gives(code, items, scales):
    held = instrument(code)
    assert len(held.items) == items
    assert [scale.code for scale in held.scales] == scales


@pytest.mark.parametrize(
    ("code", "scale", "low", "high", "direction", "change"),
    [
        ("vas_back", "vas_back", 0, 100, "lower_is_better", None),
        ("eq_vas", "eq_vas", 0, 100, "higher_is_better", None),
        ("eq5d3l", "eq5d3l_index", -0.624, 1, "higher_is_better", 0.12),
        ("odi", "odi", 0, 100, "lower_is_better", 12.8),
        ("ndi", "ndi", 0, 100, "lower_is_better", 10),
    ],
)
def test_direction_range_and_relevant_change(code, scale, low, high, direction, change):
    held = instrument(code).scale(scale)
    assert (held.range, held.direction, held.relevant_change) == ((low, high), direction, change)


WORSE_THE_HIGHER = {"vas_back", "vas_leg", "vas_neck", "vas_arm", "odi", "ndi"}
NUMBERS = [
    scale for code in ACTIVE for scale in instrument(code).scales if scale.kind == "number"
]  # fmt: skip


@pytest.mark.parametrize("scale", NUMBERS, ids=lambda scale: scale.code)
def test_every_scale_runs_the_way_it_was_made(scale):
    assert scale.higher_is_better is (scale.code not in WORSE_THE_HIGHER)
    assert scale.direction is not None


@pytest.mark.parametrize(
    ("code", "items", "low", "high"),
    [
        ("tokuhashi", ["karnofsky"], 10, 100),
        ("tokuhashi", ["bone_foci"], 0, 99),
        ("tokuhashi", ["vertebral_metastases"], 1, 33),  # as many as there are vertebrae
        ("lenke", ["pt_cobb", "mt_cobb", "tl_cobb"], 0, 180),
        ("lenke", ["pt_bend", "mt_bend", "tl_bend"], -90, 180),  # a curve may bend over
        ("lenke", ["kyphosis_t2_t5", "kyphosis_t10_l2", "kyphosis_t5_t12"], -120, 180),
    ],
)
def test_what_surgeons_measure_has_limits(code, items, low, high):
    for item in map(instrument(code).item, items):
        assert item.accepts(low)
        assert item.accepts(high)
        assert not item.accepts(low - 1)
        assert not item.accepts(high + 1)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ASKED)
def test_every_question_has_words_in_every_language(code, language):
    held, words = instrument(code), wording(code, language)
    assert words.title
    assert list(words.questions) == list(held.item_codes)
    for item in held.items:
        question = words.questions[item.code]
        assert question.text.endswith("?") or question.stem
        assert [value for value, _ in question.options] == list(item.values)
        labels = [label for _, label in question.options]
        assert len(set(labels)) == len(labels), "two answers read the same"


@pytest.mark.parametrize("code", ASKED)
def test_our_own_words_are_marked_as_not_validated(code):
    for language in LANGUAGES:
        words = wording(code, language)
        if code != "vas":
            assert words.version.startswith("demo-")
        assert not words.validated
        assert not words.licensed


@pytest.mark.parametrize("code", ASKED)
def test_words_fit_on_a_telephone(code):
    for language in LANGUAGES:
        for question in wording(code, language).questions.values():
            assert len(question.text) <= 95
            assert all(len(label) <= 60 for _, label in question.options)


@pytest.mark.parametrize("code", ASKED)
def test_no_language_borrows_a_question_from_another(code):
    """A question of more than three words reads differently in each of the four languages."""
    worded = {language: wording(code, language).questions for language in LANGUAGES}
    for item in instrument(code).item_codes:
        texts = [worded[language][item].question for language in LANGUAGES]
        assert len(set(texts)) == len(texts) or len(texts[0].split()) <= 3, texts


def test_the_optional_questions_are_sex_life_and_driving():
    assert [item.code for item in instrument("odi").items if item.optional] == ["odi8"]
    assert [item.code for item in instrument("ndi").items if item.optional] == ["ndi8"]


def test_an_unknown_instrument_or_version_says_what_there_is():
    with pytest.raises(UnknownInstrument, match=r"unknown instrument “oswestry”; known are .*odi"):
        instrument("oswestry")
    with pytest.raises(UnknownInstrument, match=r"odi 9\.9"):
        instrument("odi", "9.9")
    assert instrument("odi", instrument("odi").version) is instrument("odi")


def test_label_of_an_answer():
    words = wording("patient_baseline", "da")
    assert words.questions["walking_distance"].label(4) == "Over 1 kilometer"
    assert words.questions["height_cm"].label(171) == "171 cm"
    assert words.questions["smoking"].label(None) == ""


# --- files with faults ---

ODI = (DEFINITIONS / "odi.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("what", "instead", "message"),
    [
        ('code = "odi2"', 'code = "odi1"', "two items have the same code"),
        ("minimum_answered = 9", "minimum_answered = 11", "more than there are items"),
        ('"odi9", "odi10"]', '"odi9", "odi11"]', "unknown items odi11"),
        ('options = "pain"', 'options = "hurt"', "unknown option set “hurt”"),
        ('kind = "percent"', 'kind = "magic"', "scales.0.formula.kind"),
        ('nb = "Ikke vondt", ', "", "items.0.options.0.nb: Field required"),
        ("value = 1, nb = \"Litt vondt\"", "value = 0, nb = \"Litt vondt\"", "two options have the same value"),  # noqa: E501
        ("seconds = 150", "second = 150", "second: Extra inputs are not permitted"),
        ('code = "bed_bound", upto = 100', 'code = "bed_bound", upto = 90', "last band ends before"),  # noqa: E501
        ('code = "moderate", upto = 40', 'code = "moderate", upto = 10', "bands go from low to high"),  # noqa: E501
        ("seconds = 150", "seconds = ", "Invalid value"),
    ],
)  # fmt: skip
def test_a_faulty_file_is_refused_with_file_key_and_reason(what, instead, message, tmp_path):
    assert what in ODI
    path = tmp_path / "odi.toml"
    path.write_text(ODI.replace(what, instead, 1), "utf-8")
    with pytest.raises(InstrumentError) as caught:
        read_instrument(path)
    assert message in str(caught.value)
    assert "odi.toml" in str(caught.value)


def test_a_value_set_without_a_term_is_refused(tmp_path):
    text = (DEFINITIONS / "eq5d3l.toml").read_text("utf-8")
    path = tmp_path / "eq5d3l.toml"
    path.write_text(text.replace("anxiety = [-0.068, -0.367]\n", ""), "utf-8")
    with pytest.raises(InstrumentError, match="value set dk: needs a term for each of"):
        read_instrument(path)


# --- licensed wording ---


def pack(folder, code="odi", language="da", change=lambda text: text):
    held = instrument(code)
    lines = [
        f'instrument = "{code}"\ninstrument_version = "{held.version}"\nlanguage = "{language}"',
        'version = "licensed-7"\nholder = "A hospital, licence 1"\ntitle = "Licensed title"',
    ]
    for item in held.items:
        lines.append(f'[items.{item.code}]\ntext = "Licensed {item.code}"')
        if item.values:
            options = ", ".join(f'{value} = "L{value}"' for value in item.values)
            lines.append(f"options = {{ {options} }}")
        if item.type == "vas":
            lines.append('low = "L low"\nhigh = "L high"')
    path = folder / f"{code}.{language}.toml"
    path.write_text(change("\n".join(lines)), "utf-8")
    return path


def test_a_licensed_pack_lies_over_the_demonstration_wording(tmp_path):
    pack(tmp_path)
    packs = WordingPacks.load(tmp_path)
    words = wording("odi", "da", packs=packs)
    assert (words.version, words.licensed, words.validated) == ("licensed-7", True, True)
    assert words.questions["odi3"].text == "Licensed odi3"
    assert words.questions["odi3"].options[5] == (5, "L5")
    assert not wording("odi", "nb", packs=packs).licensed
    assert not wording("odi", "da").licensed


@pytest.mark.parametrize(
    ("code", "language", "require", "with_pack", "reason"),
    [
        ("odi", "da", True, True, None),
        ("odi", "da", True, False, NotSendable.NO_LICENSED_WORDING),
        ("odi", "nb", True, True, NotSendable.NO_LICENSED_WORDING),  # the pack is Danish
        ("odi", "nb", False, False, None),
        ("eq5d3l", "da", True, False, NotSendable.NO_LICENSED_WORDING),
        ("vas_back", "da", True, False, None),  # nobody owns it
        ("patient_baseline", "sv", True, False, None),
        ("odi", "fi", False, True, NotSendable.LANGUAGE),
    ],
)
def test_sendable(code, language, require, with_pack, reason, tmp_path):
    packs = NO_PACKS
    if with_pack:
        pack(tmp_path)
        packs = WordingPacks.load(tmp_path)
    ok, why = sendable(instrument(code), language, require_licensed=require, packs=packs)
    assert (ok, why) == (reason is None, reason)
    assert why is None or str(why.message)


def test_a_pack_made_for_another_version_is_not_used(tmp_path):
    pack(tmp_path)
    packs = WordingPacks.load(tmp_path)
    newer = instrument("odi").model_copy(update={"version": "2.0"})
    assert packs.get(newer, "da") is None
    assert not sendable(newer, "da", require_licensed=True, packs=packs).ok


@pytest.mark.parametrize(
    ("code", "language", "require", "state"),
    [
        ("odi", "da", True, WordingState.LICENSED),
        ("odi", "da", False, WordingState.LICENSED),
        ("odi", "sv", True, WordingState.NOT_SENT),
        ("odi", "sv", False, WordingState.DEMONSTRATION),
        ("rand36", "da", True, WordingState.DEMONSTRATION),  # free to use, but not in our words
        ("vas_back", "da", True, WordingState.OWN),
        ("patient_baseline", "nb", True, WordingState.OWN),
    ],
)
def test_in_which_words_a_questionnaire_is_asked(code, language, require, state, tmp_path):
    pack(tmp_path)
    packs = WordingPacks.load(tmp_path)
    held = instrument(code)
    assert wording_state(held, language, require_licensed=require, packs=packs) == state
    sent = sendable(held, language, require_licensed=require, packs=packs).ok
    assert sent == (state != WordingState.NOT_SENT)
    assert str(state.label)


def test_an_answer_to_demonstration_wording_can_be_told_from_a_licensed_one():
    assert is_demonstration(instrument("odi"), wording("odi", "da").version)
    assert not is_demonstration(instrument("odi"), "licensed-7")
    assert not is_demonstration(instrument("vas_back"), wording("vas_back", "da").version)


VERSION = 'version = "licensed-7"'


@pytest.mark.parametrize(
    ("what", "instead", "fault"),
    [
        (', 5 = "L5"', "", "odi.da.toml: items.odi1.options.5: no words"),
        ('5 = "L5"', '6 = "L6"', "odi.da.toml: items.odi1.options.6: odi has no such key"),
        ("[items.odi10]", "[items.odi11]", "odi.da.toml: items.odi10: no words"),
        ("[items.odi1]", '[stems]\nx = "x"\n[items.odi1]', "stems.x: odi has no such key"),
        ('"Licensed odi3"', '""', "odi.da.toml: items.odi3.text: String should have at least"),
        (VERSION, "", "odi.da.toml: version: Field required"),
        (VERSION, 'version = "demo-2"', "odi.da.toml: version: Value error, “demo-…” is kept for"),
        ('language = "da"', 'language = "sv"', "odi.da.toml: holds odi in sv; rename the file"),
        ('"1.0"', '"0.9"', "odi.da.toml: instrument, instrument_version: unknown instrument “odi"),
        ("[items.odi1]", "[items.odi1", "odi.da.toml: "),
    ],
)
def test_a_faulty_pack_is_refused_with_file_key_and_reason(what, instead, fault, tmp_path):
    pack(tmp_path, change=lambda text: text.replace(what, instead, 1))
    with pytest.raises(InstrumentError) as caught:
        WordingPacks.load(tmp_path)
    assert fault in str(caught.value)


def test_the_faults_of_all_packs_are_told_at_once(tmp_path):
    pack(tmp_path, change=lambda text: text.replace('"Licensed odi3"', '""'))
    pack(tmp_path, "ndi", change=lambda text: text.replace(', 5 = "L5"', "", 1))
    pack(tmp_path, "eq_vas")
    with pytest.raises(InstrumentError) as caught:
        WordingPacks.load(tmp_path)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["ndi.da.toml", "odi.da.toml"]  # noqa: E501  # fmt: skip


def test_check_wording_says_what_every_questionnaire_is_asked_in(tmp_path, settings):
    settings.REQUIRE_LICENSED_WORDING = True
    settings.WORDING_PACKS_DIR = str(tmp_path)
    pack(tmp_path)
    said = StringIO()
    call_command("check_wording", stdout=said)
    lines = said.getvalue().splitlines()
    assert "odi 1.0 da: licensed (licensed-7)" in lines
    assert "odi 1.0 nb: not_sent" in lines
    assert "vas_back 1.0 nb: own (demo-2)" in lines
    assert lines[-1] == "1 licensed packs are right."


def test_check_wording_fails_and_the_program_does_not_start_with_a_faulty_pack(tmp_path, settings):
    settings.WORDING_PACKS_DIR = str(tmp_path)
    pack(tmp_path, change=lambda text: text.replace(', 5 = "L5"', "", 1))
    with pytest.raises(CommandError, match=r"odi\.da\.toml: items\.odi1\.options\.5") as caught:
        call_command("check_wording", stdout=StringIO())
    assert caught.value.returncode == 2
    with pytest.raises(SystemCheckError, match=r"proms\.E001\) odi\.da\.toml: items\.odi1"):
        call_command("check", stdout=StringIO())


def test_a_missing_directory_is_an_error_and_none_is_not(tmp_path):
    assert WordingPacks.load(None) is NO_PACKS
    assert WordingPacks.load("") is NO_PACKS
    with pytest.raises(InstrumentError, match="no directory"):
        WordingPacks.load(tmp_path / "nowhere")
