"""The benchmark: selector, API and pages, with what each viewer may see."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import schemathesis
from django.core.management import call_command
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks

from registry.accounts.actions import issue_api_token
from registry.accounts.permissions import Viewer
from registry.core import clock
from registry.core.errors import NotAllowed
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion
from reports.selectors import Filters, Scope, benchmark, completeness_by_unit
from tests.integration.reports_world import REGISTER, answer, censor, operate

TODAY = date(2026, 11, 20)
SCOPE = Scope(REGISTER, ("lumbar_stenosis",))


@pytest.fixture
def units(db):
    return units_of(REGISTER)


def treat(unit, number, *, before=50.0, after=30.0, start=date(2024, 1, 8), sex="female"):
    """Operate ``number`` patients of a unit who answer before and (after) one year later."""
    operations = []
    for place in range(number):
        on = start + timedelta(days=place)
        operation = operate(unit=unit, on=on, sex=sex)
        answer(
            [operation],
            "before",
            {"odi": before + place},
            on=on - timedelta(days=8),
            answers={"symptom_duration_limb": 1 + place % 2},
        )
        if after is not None:
            answer([operation], "y1", {"odi": after + place * 2}, on=on + timedelta(days=370))
        operations.append(operation)
    return operations


def test_own_rest_and_nation(units, viewer_of):
    treat(units[0], 6)
    treat(units[1], 7, before=60.0, after=58.0)
    viewer = viewer_of("clinician", REGISTER, units[0])
    result = benchmark(viewer, SCOPE, scale="odi", unit=units[0], on=TODAY)
    before, year = result.at("before"), result.at("y1")
    assert (before.own.n, before.rest.n, before.nation.n) == (6, 7, 13)
    assert before.own.mean == pytest.approx(52.5)
    assert before.own.change is None
    assert year.own.change == pytest.approx(35.0 - 52.5)
    assert year.rest.change == pytest.approx(64.0 - 63.0)
    assert year.nation.paired_n == 13
    assert year.difference == pytest.approx(year.own.change - year.rest.change)
    low, high = year.difference_interval
    assert low < year.difference < high
    # Changes −20 … −15: all six improve by 12.8; −2 … +4: nobody of the rest.
    assert (year.own.improved_n, year.rest.improved_n) == (6, 0)
    assert result.relevant_change == pytest.approx(12.8)


def test_completeness_is_counted_on_the_day(units, viewer_of):
    operations = treat(units[0], 6, after=None)
    viewer = viewer_of("administrator", REGISTER)
    censor(operations[0], "y1", on=date(2024, 6, 1))

    def answered(on):
        point = benchmark(viewer, SCOPE, scale="odi", unit=None, on=on).at("y1")
        return point.nation_completeness.answered, point.nation_completeness.expected

    due = operations[5].performed_on + timedelta(days=365)
    assert answered(due - timedelta(days=1)) == (0, 4)  # the sixth is due tomorrow
    assert answered(due) == (0, 5)  # and the dead one is nobody's omission
    assert answered(due + timedelta(days=2000)) == (0, 5)


@pytest.mark.parametrize(
    ("filters", "n"),
    [
        (Filters(sex="female"), 6),
        (Filters(sex="male"), 5),
        (Filters(symptom_duration_limb=1), 6),
        (Filters(sex="male", symptom_duration_limb=2), 2),
        (Filters(age_from=63, age_to=63), 11),
        (Filters(age_to=62), 0),
        (Filters(smoking=1), 0),
    ],
)
def test_filters(units, viewer_of, filters, n):
    treat(units[0], 6)
    treat(units[1], 5, sex="male")
    scope = Scope(REGISTER, ("lumbar_stenosis",), filters=filters)
    viewer = viewer_of("administrator", REGISTER)
    result = benchmark(viewer, scope, scale="odi", unit=None, on=TODAY)
    assert result.at("before").nation.n == n
    assert result.at("before").nation_completeness.expected == n


def test_region_is_that_of_the_unit_where_the_register_says_so(units, viewer_of):
    region = HealthRegion.objects.get(code="dk-hovedstaden")
    for operation in treat(units[0], 5):
        operation.unit_region = region
        operation.save()
    scope = Scope(REGISTER, ("lumbar_stenosis",), filters=Filters(region_id=region.pk))
    viewer = viewer_of("administrator", REGISTER)
    result = benchmark(viewer, scope, scale="odi", unit=None, on=TODAY)
    assert result.at("y1").nation.n == 5


def test_a_filter_that_keeps_everybody_changes_no_figure(units, viewer_of):
    treat(units[0], 6)
    treat(units[1], 8, before=61.0)
    viewer = viewer_of("clinician", REGISTER, units[0])
    everybody = Scope(REGISTER, ("lumbar_stenosis",), filters=Filters(age_from=0))
    plain = benchmark(viewer, SCOPE, scale="odi", unit=units[0], on=TODAY)
    filtered = benchmark(viewer, everybody, scale="odi", unit=units[0], on=TODAY)
    assert plain.points == filtered.points


def test_figures_of_few_others_are_withheld_and_do_not_follow(units, viewer_of):
    treat(units[0], 6)
    treat(units[1], 4, before=70.0)
    viewer = viewer_of("clinician", REGISTER, units[0])
    point = benchmark(viewer, SCOPE, scale="odi", unit=units[0], on=TODAY).at("y1")
    assert point.own.n == 6
    assert point.rest.withheld
    assert point.nation.withheld
    assert point.rest_completeness is point.nation_completeness is None
    assert point.difference is None
    # Who may see every patient sees every figure; a national reader none of the small ones.
    whole = benchmark(
        viewer_of("administrator", REGISTER), SCOPE, scale="odi", unit=units[0], on=TODAY
    ).at("y1")
    assert (whole.rest.n, whole.nation.n) == (4, 10)
    national = benchmark(
        viewer_of("national_reader", REGISTER), SCOPE, scale="odi", unit=units[1], on=TODAY
    ).at("y1")
    assert national.own.withheld
    assert national.rest.withheld
    assert national.nation.n == 10


def test_few_pairs_are_withheld_where_enough_answered(units, viewer_of):
    treat(units[0], 6)
    treat(units[1], 6, after=None)
    treat(units[1], 3, start=date(2024, 3, 4))
    viewer = viewer_of("clinician", REGISTER, units[0])
    result = benchmark(viewer, SCOPE, scale="odi", unit=units[0], on=TODAY)
    assert result.at("before").rest.n == 9
    assert result.at("y1").rest.withheld
    assert result.at("y1").nation.change is None


def test_completeness_by_unit_withholds_a_second_unit(units, viewer_of):
    for unit, number in zip(units, (6, 2, 7, 9), strict=False):
        treat(unit, number)
    viewer = viewer_of("clinician", REGISTER, units[0])
    table = completeness_by_unit(viewer, SCOPE, on=TODAY)
    shown = {row.unit: row.counts["before"] for row in table.rows}
    assert shown[units[0]].expected == 6
    assert shown[units[1]] is None
    assert shown[units[2]] is None  # else it would follow from the total
    assert shown[units[3]].expected == 9
    assert table.total.counts["before"].expected == 24
    assert table.targets == {"before": 0.9, "w6": 0.8, "y1": 0.8, "y2": 0.8, "y5": 0.8, "y10": 0.8}


def test_nobody_reads_reports_without_a_role(units):
    with pytest.raises(NotAllowed):
        benchmark(Viewer(None), SCOPE, scale="odi", unit=None, on=TODAY)


# --- API ---------------------------------------------------------------------------------------


def address(name, **query):
    return reverse(f"api:{name}", kwargs={"register": REGISTER}, query=query or None)


def test_api_gives_the_benchmark_of_the_own_unit(units, client_of):
    treat(units[0], 6)
    treat(units[1], 7)
    client = client_of("clinician", REGISTER, units[0])
    body = client.get(address("benchmark", group="lumbar_stenosis", scale="odi")).json()
    assert body["unit"] == units[0].code
    year = next(point for point in body["points"] if point["point"] == "y1")
    assert (year["own"]["n"], year["nation"]["n"]) == (6, 13)
    assert set(year["own"]["change_interval"]) == {"low", "high"}
    assert year["nation_completeness"] == {"answered": 13, "expected": 13, "share": 1.0}


def test_api_says_what_is_wrong_beside_its_field_in_the_users_language(units, client_of):
    client = client_of("clinician", REGISTER, units[0])
    client.user.language = "da"
    client.user.save()
    response = client.get(
        address("benchmark", scale="nonsense", age_from="70", age_to="60", colour="red")
    )
    assert response.status_code == 400
    body = response.json()
    assert set(body) == {"scale", "age_to", "colour"}
    assert body["age_to"] == ["Den højeste alder ligger under den laveste."]


def test_api_refuses_strangers_and_other_registers(units, client, client_of):
    assert client.get(address("benchmark")).status_code == 401
    other = client_of("clinician", "limb_no", units_of("limb_no")[0])
    assert other.get(address("benchmark")).status_code == 404
    assert [one["code"] for one in other.get(reverse("api:registers")).json()] == ["limb_no"]


def test_api_takes_a_token_of_its_registers_only(units, user_with, client):
    user = user_with("clinician", REGISTER, units[0])
    for codes, status in (([REGISTER], 200), (["limb_no"], 404)):
        _token, secret = issue_api_token(
            user=user,
            name="dashboard",
            register_codes=codes,
            expires_at=clock.now() + timedelta(days=1),
        )
        response = client.get(address("benchmark"), headers={"Authorization": f"Bearer {secret}"})
        assert response.status_code == status


def test_chart_carries_its_finding_and_its_data(units, client_of):
    treat(units[0], 6)
    treat(units[1], 7)
    body = client_of("clinician", REGISTER, units[0]).get(address("benchmark-chart")).json()
    assert body["title"] == body["specification"]["title"]["text"]
    assert "ODI falls" in body["title"]
    points = body["specification"]["datasets"]["points"]
    assert {point["count"] for point in points} == {"n = 6", "n = 13"}
    assert body["specification"]["$schema"].startswith("https://vega.github.io/schema/vega-lite/")


def test_openapi_document_is_valid(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "api.yml"))


@pytest.mark.django_db(transaction=True)
def test_api_keeps_what_its_document_promises(live_server, units, client_of):
    treat(units[0], 6)
    client = client_of("clinician", REGISTER, units[0])
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    document = client.get(reverse("api-schema"), headers={"Accept": "application/json"}).json()
    operations = [one.ok() for one in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert len(operations) >= 6
    for operation in operations:

        @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def keeps(case):
            case.call_and_validate(
                base_url=live_server.url,
                cookies=cookies,
                # Methods and logins are the framework's; what is ours is what is answered.
                excluded_checks=[checks.unsupported_method, checks.ignored_auth],
            )

        keeps()


# --- Pages -------------------------------------------------------------------------------------


def page(client, **query):
    url = reverse("reports:dashboard", kwargs={"register": REGISTER}, query=query or None)
    return client.get(url)


def test_dashboard_shows_finding_chart_and_table(units, client_of):
    treat(units[0], 6)
    treat(units[1], 7)
    content = page(client_of("clinician", REGISTER, units[0])).content.decode()
    assert "ODI falls 17.5 points" in content
    assert f'data-chart="{address("benchmark-chart")}?' in content
    assert "6/6" in content
    assert "style=" not in content


def test_dashboard_offers_what_is_asked_of_the_group(units, client_of):
    content = page(
        client_of("clinician", REGISTER, units[0]), group="cervical_radiculopathy", scale="odi"
    ).content.decode()
    assert '<option value="ndi" selected>' in content
    assert '<option value="odi"' not in content


def test_wrong_filter_is_said_beside_the_field_and_kept(units, client_of):
    content = page(client_of("clinician", REGISTER, units[0]), age_from="old").content.decode()
    assert 'id="id_age_from_error"' in content
    assert 'value="old"' in content


def test_tables_can_be_downloaded_in_the_registers_notation(units, client_of):
    treat(units[0], 6)
    client = client_of("clinician", REGISTER, units[0])
    lines = page(client, format="csv").content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("time_point;who;n;mean;")
    assert ";6;52,5;" in lines[1]
    url = reverse("reports:completeness", kwargs={"register": REGISTER}, query={"format": "csv"})
    assert client.get(url).content.decode("utf-8-sig").startswith("unit;before_answered;")


def test_completeness_page_says_in_words_what_reaches_the_target(units, client_of):
    start = clock.today() - timedelta(days=60)
    treat(units[0], 6, after=None, start=start)
    url = reverse("reports:completeness", kwargs={"register": REGISTER})
    content = client_of("clinician", REGISTER, units[0]).get(url).content.decode()
    assert "target reached" in content
    assert "6/6" in content


def test_register_without_questionnaires_says_so(client_of, units):
    client = client_of("clinician", "limb_no", units_of("limb_no")[0])
    url = reverse("reports:dashboard", kwargs={"register": "limb_no"})
    assert "This register asks no questionnaires yet" in client.get(url).content.decode()


def test_home_shows_result_and_progress(units, client_of):
    treat(units[0], 6)
    treat(units[1], 7)
    treat(units[0], 5, after=None, start=clock.today() - timedelta(days=40))
    content = client_of("clinician", REGISTER, units[0]).get(reverse("home")).content.decode()
    assert "ODI falls" in content
    assert "<progress" in content


def test_reports_are_not_for_people_without_a_role(units, client_of):
    client = client_of()
    assert page(client).status_code == 404
