"""A shop in service: its responses, its workers, and logs without secrets."""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode

import django
import pytest

from pickyassist_webhooks.testing import (
    chat_message,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
)
from tests.faults.cluster import free_port
from tests.production.deployment import HOST, HTTPS, SWEEP, WORKER, WORKER_ALONE, wait_for


@pytest.fixture
def order(shop):
    """Return the number of an order and the number of its customer."""
    report = delivery_report()["data"][0]
    number, reference = f"49{time.time_ns()}", report["reference_number"]
    [(customer,)] = shop.execute(
        "INSERT INTO shop_customer (number, name, in_group) VALUES (%s, '', false) RETURNING id",
        number,
    )
    shop.execute(
        "INSERT INTO shop_order (number, customer_id, delivery, cancel_requested)"
        " VALUES (%s, %s, 'waiting', false)",
        reference,
        customer,
    )
    return reference, number


def is_delivered(shop, reference):
    rows = shop.execute("SELECT delivery FROM shop_order WHERE number = %s", reference)
    return rows == [("delivered",)]


def report_on(order):
    return delivery_report(status=1, reference_number=order[0], number=order[1])


def test_check_finds_nothing_after_the_process_has_run(shop):
    shop.run("django", "pickyassist_process")
    output = shop.run("django", "check", "--deploy", "--fail-level=WARNING", "--database=default")
    assert output == "System check identified no issues (0 silenced).\n"


def test_celery_processes_what_is_posted(shop, site, order):
    """Only Celery can: no sweep runs."""
    worker = shop.start("worker", *WORKER, *WORKER_ALONE)
    reference, number = order
    report = report_on(order)
    msg_id = report["data"][0]["msg_id"]
    payloads = [
        report,
        filter_report(status=1, number=number),
        group_member(number=number),
        new_subscriber(mobile=f"{number}9", name="Grace"),
    ]
    assert [site.post(payload) for payload in payloads] == ["received"] * 4
    customers = "SELECT name, on_whatsapp, in_group FROM shop_customer WHERE number LIKE %s"
    expected = [("", True, True), ("Grace", None, False)]
    wait_for(lambda: sorted(shop.execute(customers, f"{number}%")) == expected, worker)
    wait_for(lambda: is_delivered(shop, reference), worker)
    answer = chat_message(number=number, message_in_raw="Cancel", context_msg_id=msg_id)
    assert site.post(answer) == "received"
    wanted = "SELECT cancel_requested FROM shop_order WHERE number = %s"
    wait_for(lambda: shop.execute(wanted, reference) == [(True,)], worker)
    line = f"INFO example_project.shop.receivers: Order {order_id(shop, reference)} is delivered\n"
    assert worker().count(line) == 1
    assert number not in shop.logs(), "the log shows a phone number"


def order_id(shop, reference):
    [(pk,)] = shop.execute("SELECT id FROM shop_order WHERE number = %s", reference)
    return pk


def test_without_a_broker_the_sweep_does_it(shop, order):
    site = shop.serve(CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")
    began = time.monotonic()
    assert site.post(report_on(order)) == "received"
    assert time.monotonic() - began < 5, "Picky Assist would have given up"
    assert not is_delivered(shop, order[0])
    sweep = shop.start("sweep", *SWEEP)
    wait_for(lambda: is_delivered(shop, order[0]), sweep)


def test_without_a_database_it_stays_in_service_and_loses_nothing(shop, order):
    site = shop.serve(PGPORT=str(free_port()))
    assert site.get("/healthz/", {})[0].status == 200
    assert site.post(report_on(order)) == "spooled"
    assert not is_delivered(shop, order[0])
    sweep = shop.start("sweep", *SWEEP)
    wait_for(lambda: is_delivered(shop, order[0]), sweep)
    assert "Took 1 from the spool" in sweep()


def test_headers_and_files_of_the_admin(site):
    response, page = site.get("/admin/login/")
    assert response.status == 200
    headers = response.headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"] or ""
    assert ("default-src 'none'" in policy) == (django.VERSION >= (6, 0))
    assert "'unsafe" not in policy
    cookie = headers["Set-Cookie"]
    assert "; Secure" in cookie

    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) >= 4
    for file in files:
        response, text = site.get(file)
        assert (response.status, bool(text)) == (200, True), file
        assert "immutable" in response.headers["Cache-Control"]
        assert re.search(r"\.[0-9a-f]{12}\.", file), "its name does not change with it"


def test_an_admin_logs_in_and_sees_an_order(shop, site, order):
    password = shop.environment["DJANGO_SUPERUSER_PASSWORD"] = "only-for-the-tests"
    shop.run("django", "createsuperuser", "--no-input", "--username=owner", "--email=a@b.example")
    response, page = site.get("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": "owner", "password": password}
    headers = HTTPS | {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": response.headers["Set-Cookie"].partition(";")[0],
        "Origin": f"https://{HOST}",
    }
    with site.ask("POST", "/admin/login/", headers, urlencode(form)) as response:
        assert response.status == 302, response.read()
        cookies = response.headers.get_all("Set-Cookie")
    assert all("; Secure" in cookie for cookie in cookies)
    session = {"Cookie": "; ".join(cookie.partition(";")[0] for cookie in cookies)}
    site.post(report_on(order))
    sweep = shop.start("sweep", *SWEEP)
    wait_for(lambda: is_delivered(shop, order[0]), sweep)
    page = site.get(f"/admin/shop/order/{order_id(shop, order[0])}/change/", HTTPS | session)[1]
    link = re.search(r'href="(/admin/pickyassist_webhooks/message/\d+/change/)"', page)
    assert link, page
    response, page = site.get(link[1], HTTPS | session)
    assert response.status == 200
    assert order[0] in page


def test_plain_http_is_redirected_only_for_people(site):
    assert site.post(delivery_report(), {}) == "received"
    assert site.get("/healthz/", {})[0].status == 200
    response, _ = site.get("/admin/", {})
    assert (response.status, response.headers["Location"]) == (301, f"https://{HOST}/admin/")


def test_no_log_has_the_secret(shop, site):
    """This includes requests refused before the view; each test searches the logs at its end."""
    site.post(delivery_report())
    with site.ask("POST", f"/wrong{site.webhook}x", HTTPS, "{}") as response:
        assert response.status == 404
    with site.ask("POST", site.webhook, HTTPS | {"Host": "other.example"}, "{}") as response:
        assert response.status == 400
    with site.ask("GET", "/healthz/", {"Referer": f"https://{HOST}{site.webhook}"}) as response:
        assert response.status == 200
    assert b"400" in site.say(f"POST-{site.webhook}\r\n\r\n")
    expected = (
        '"POST /pickyassist/events/***/ HTTP/1.1" 200',
        '"POST /wrong/pickyassist/events/***/x HTTP/1.1" 404',
        "Not Found: /wrong/pickyassist/events/***/x",
        "Invalid HTTP_HOST header: 'other.example'",
        f'"https://{HOST}/pickyassist/events/***/"',
        "Invalid HTTP request line: 'POST-/pickyassist/events/***/'",
    )
    for line in expected:  # gunicorn writes its line after the response
        wait_for(lambda line=line: line in shop.logs(), shop.logs, seconds=5)
