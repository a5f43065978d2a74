"""The worked examples of AUTHENTICATOR: networks behind trusted proxies, and tenants in a table."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from example_project.tenants import authenticator
from example_project.tenants.models import Tenant
from pickyassist_webhooks.models import DeliveryReport, WebhookRequest
from tests.requests import SECRET, delivery, post, url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def configure(settings):
    def configure(**keys):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | keys

    return configure


class TestNetworks:
    @pytest.fixture(autouse=True)
    def networks(self, settings, configure):
        settings.PICKYASSIST_NETWORKS = ["203.0.113.0/24", "2001:db8::/32"]
        settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]
        configure(AUTHENTICATOR="example_project.networks.from_networks")

    @pytest.mark.parametrize(
        ("address", "forwarded", "status"),
        [
            ("203.0.113.7", None, 200),
            ("2001:db8::7", None, 200),
            ("::ffff:203.0.113.7", None, 200),
            ("198.51.100.1", None, 403),
            ("10.0.0.1", "203.0.113.7", 200),
            ("10.0.0.1", " 203.0.113.7 , 10.0.0.2", 200),
            ("fd00::1", "2001:db8::7", 200),
            # A caller can write any value before the proxy adds the real address.
            ("10.0.0.1", "203.0.113.7, 198.51.100.1", 403),
            ("198.51.100.1", "203.0.113.7", 403),
            ("10.0.0.1", "198.51.100.1, 203.0.113.7", 200),
            ("10.0.0.1", None, 403),
            ("10.0.0.1", "10.0.0.2", 403),
            ("10.0.0.1", "unknown", 403),
            ("10.0.0.1", "203.0.113.7:5678", 403),
            ("", "203.0.113.7", 403),
        ],
    )
    def test_addresses(self, address, forwarded, status):
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        answer = Client().post(
            url(),
            delivery(),
            content_type="application/json",
            headers=headers,
            REMOTE_ADDR=address,
        )
        assert answer.status_code == status
        assert WebhookRequest.objects.count() == (status == 200)

    def test_the_secret_counts_too(self):
        answer = Client().post(url("wrong"), b"{}", "text/json", REMOTE_ADDR="203.0.113.7")
        assert answer.status_code == 403


class TestTenants:
    @pytest.fixture(autouse=True)
    def table(self, configure):
        configure(AUTHENTICATOR="example_project.tenants.authenticator.tenant_in_table")
        authenticator._let_in.clear()

    def test_each_has_a_url(self):
        first, second = Tenant.add("first"), Tenant.add("second")
        for secret, label in ((second, "second"), (first, "first")):
            assert post(delivery(), to=url(secret)).status_code == 200
            assert WebhookRequest.objects.latest("pk").secret_label == label
        assert post(delivery(), to=url(SECRET)).status_code == 403
        assert first not in str(Tenant.objects.values_list())

    def test_projects_of_each(self, configure):
        configure(PROJECT_IDS={"first": ["4100"]})
        first, second = Tenant.add("first"), Tenant.add("second")
        assert post(delivery(), to=url(second)).json()["state"] == "quarantined"
        assert not DeliveryReport.objects.exists()
        assert post(delivery(), to=url(first)).json()["state"] == "done"

    def test_rotation(self):
        old, new = Tenant.add("first"), Tenant.add("first")
        assert post(delivery(), to=url(old)).status_code == 200
        assert post(delivery(), to=url(new)).status_code == 200
        Tenant.objects.filter(pk=Tenant.objects.earliest("pk").pk).update(is_active=False)
        assert post(delivery(), to=url(old)).status_code == 403
        assert post(delivery(), to=url(new)).status_code == 200
        assert set(WebhookRequest.objects.values_list("secret_label", flat=True)) == {"first"}

    def test_while_the_database_is_down(self, configure, tmp_path):
        configure(SPOOL_DIR=tmp_path)
        cached, uncached = Tenant.add("first"), Tenant.add("second")
        assert post(delivery(), to=url(cached)).json()["state"] == "done"
        with connection.schema_editor() as editor:
            editor.alter_db_table(Tenant, "tenants_tenant", "tenants_away")
            editor.alter_db_table(WebhookRequest, WebhookRequest._meta.db_table, "requests_away")
        try:
            assert post(delivery(), to=url(cached)).json()["state"] == "spooled"
            assert post(delivery(), to=url(uncached)).status_code == 503
        finally:
            with connection.schema_editor() as editor:
                editor.alter_db_table(Tenant, "tenants_away", "tenants_tenant")
                editor.alter_db_table(
                    WebhookRequest, "requests_away", WebhookRequest._meta.db_table
                )
        assert len(list(tmp_path.iterdir())) == 1
