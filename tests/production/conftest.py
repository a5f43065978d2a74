"""``python3 -m tests --suite production``: the example with real servers and services.

PostgreSQL is where ``DATABASE_URL`` says, or on this machine, as Redis is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest

from tests.production.deployment import Deployment, Site


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("production"))
    try:
        deployment.run("django", "migrate")
        deployment.run("django", "collectstatic", "--no-input")
        yield deployment
        assert_ended_well(deployment)
    finally:
        deployment.close()


@pytest.fixture(scope="session")
def site(deployed: Deployment) -> Site:
    """Start a server for all tests; each test starts the processes that handle its requests."""
    return deployed.serve()


@pytest.fixture
def shop(deployed: Deployment, site: Site) -> Iterator[Deployment]:
    """Return the deployment for one test; its processes end with the test."""
    before = deployed.running()
    yield deployed
    assert_ended_well(deployed, but=before)


def assert_ended_well(deployment: Deployment, but: Collection[str] = ()) -> None:
    """Stop all processes; check their exit codes and that no log contains a secret."""
    ends = deployment.stop(but)
    logs = deployment.logs()
    assert set(ends.values()) <= {0}, f"{ends}: {logs}"
    for secret in (deployment.secret, deployment.secret_key):
        assert secret not in logs, logs
