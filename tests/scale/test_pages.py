"""Every admin page is as fast with millions of rows as with a few."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db.models import Max
from django.urls import reverse

from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    Message,
    WebhookRequest,
)
from tests.browser.addresses import APP, MODELS, list_of, named, pages, path
from tests.scale import filling, rows, seeds
from tests.scale.expressions import BUSY
from tests.scale.meter import query_of

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)

OVERVIEW = reverse("admin:app_list", args=[APP])
OF_NO_ROW = [
    name
    for model in MODELS
    for name in pages(model)[0]
    if name not in (named(model, "changelist"), named(model, "add"))  # adding is not allowed
    # A workbook is sent once all of its rows are written.
    and name != named(model, "export_xlsx")
]
OF_A_ROW = [
    (model, name)
    for model in MODELS
    for name in pages(model)[1]
    # The rows of a test event, by its token: they are few.
    if name != named(model, "test")
]


def linked(look, *names):
    """Return the links of a list to itself that change only the parameters ``names``.

    Without names, return the filters: the links that change neither page nor order.
    """
    own, others = query_of(look.path), {PAGE_VAR, ALL_VAR, ORDER_VAR}
    links = []
    for link in look.lists(look.path.partition("?")[0]):
        changed = {name for name, _ in query_of(link).items() ^ own.items()}
        if changed <= set(names) if names else not changed & others:
            links.append(link)
    return links


def test_rows(made, meter):
    """The rows that make a list slow exist: otherwise the tests would prove nothing."""
    assert set(filling.TABLES) == set(MODELS)
    for model in MODELS:
        assert model.objects.count() == seeds.count(model, made)
    oldest = made // 10
    requests = WebhookRequest.objects
    problems = requests.exclude(problem=None).values("problem").annotate(last=Max("pk"))
    last = dict(problems.values_list("problem", "last"))
    assert last.keys() == {problem.group for problem in seeds.PROBLEMS}
    assert 0 < last.pop(seeds.PROBLEMS[-1].group) <= oldest < min(last.values())
    assert 0 < requests.filter(state="dead").aggregate(last=Max("pk"))["last"] <= oldest
    assert requests.filter(state="received").count() == 5
    for model in (DeliveryReport, FilterReport, Message):
        assert model.objects.filter(status=seeds.UNLISTED).count() == 3
        assert 0 < model.objects.filter(number=BUSY).aggregate(last=Max("pk"))["last"] <= oldest
    for old in ({"number": BUSY}, {"group_id": seeds.BUSY_GROUP}):
        assert 0 < ChatMessage.objects.filter(**old).aggregate(last=Max("pk"))["last"] <= oldest
    assert 0 < Message.objects.in_conflict().aggregate(last=Max("pk"))["last"] <= oldest


@each_model
def test_list(model, meter):
    meter.approve([list_of(model)])


@each_model
def test_pages_of_list(model, made, meter):
    links = linked(meter.look(list_of(model)), PAGE_VAR, ALL_VAR)
    if seeds.count(model, made) <= admin.site._registry[model].list_per_page:
        assert links == []
    else:
        assert list_of(model, **{PAGE_VAR: 2}) in links
        meter.approve(links)  # the first ones and the last ones


@each_model
def test_filters(model, meter):
    plain = meter.look(list_of(model))
    meter.approve([plain.path, *linked(plain)])
    # A list does not offer the filters by a related row.
    offered = {name for link in linked(plain) for name in query_of(link)}
    by_field = [name for name in admin.site._registry[model].list_filter if isinstance(name, str)]
    assert all(any(name.startswith(field) for name in offered) for field in by_field)


@pytest.mark.parametrize("model", [DeliveryReport, FilterReport, Message])
def test_filter_by_unlisted_code(model, meter):
    meter.approve([list_of(model, status__exact=seeds.UNLISTED)])


@each_model
def test_orders(model, meter):
    ahead, seen = [list_of(model)], []
    while ahead:
        seen.append(ahead.pop())
        ahead += [link for link in linked(meter.look(seen[-1]), ORDER_VAR) if link not in seen]
        ahead = list(dict.fromkeys(ahead))
        assert len(seen) < 50
    assert bool(admin.site._registry[model].sortable_by) == (len(seen) > 1)
    meter.approve(seen)


@each_model
def test_searches(model, meter):
    meter.approve([list_of(model, **{SEARCH_VAR: term}) for term in rows.searched(model)])


@pytest.mark.parametrize(
    "model",
    [model for model in MODELS if "request" in {field.name for field in model._meta.fields}],
)
def test_rows_of_a_request(model, meter):
    meter.approve([list_of(model, request=rows.typical(model).request_id)])


@each_model
def test_lists_linked_from_rows(model, meter):
    paths = [path(named(model, "change"), pk) for pk in rows.some(model)]
    meter.approve([*paths, *(link for page in paths for link in meter.look(page).lists())])


@pytest.mark.parametrize("name", OF_NO_ROW)
def test_page(name, meter):
    look = meter.look(path(name))
    if look.status != 405:  # POST only
        meter.approve([look.path, *look.lists()])


@pytest.mark.parametrize(("model", "name"), OF_A_ROW, ids=[name for _, name in OF_A_ROW])
def test_page_of_a_row(model, name, meter):
    looks = [meter.look(path(name, pk)) for pk in rows.some(model)]
    # Some pages exist only for certain rows, and some rows cannot be deleted.
    existing = [look for look in looks if look.status not in (403, 404)]
    assert existing
    if any(look.status != 405 for look in existing):
        meter.approve(page for look in existing for page in (look.path, *look.lists()))


@pytest.mark.parametrize("query", ["", "?days=7", "?days=90"])
def test_overview(query, meter):
    look = meter.look(OVERVIEW + query)
    meter.approve([look.path, *look.lists()])
    assert look.lists()
