"""Require an address of certain networks as well as the secret, also behind proxies. In settings:

``PICKYASSIST_WEBHOOKS["AUTHENTICATOR"] = "example_project.networks.from_networks"``, and
``PICKYASSIST_NETWORKS`` and ``TRUSTED_PROXIES``, lists such as ``["203.0.113.0/24"]``.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from pickyassist_webhooks.authentication import secret_in_url


def from_networks(request: HttpRequest, secret: str) -> str:
    """Return the label of the secret if the client is in one of the networks."""
    if not _is_in(client_of(request), settings.PICKYASSIST_NETWORKS):
        raise PermissionDenied("expected an address of PICKYASSIST_NETWORKS")
    return secret_in_url(request, secret)


def client_of(request: HttpRequest) -> IPv4Address | IPv6Address:
    """Return the address of the client, as our proxies report it.

    ``X-Forwarded-For`` is read from its end, and only while trusted proxies wrote it: the client
    itself can write the rest. Raise ``PermissionDenied`` if there is no address, as behind a Unix
    socket, or if it has a port.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    for hop in reversed([*forwarded, request.META.get("REMOTE_ADDR", "")]):
        try:
            address = ip_address(hop.strip())
        except ValueError:
            break  # no address: the proxy is not configured correctly
        address = getattr(address, "ipv4_mapped", None) or address
        if not _is_in(address, settings.TRUSTED_PROXIES):
            return address
    raise PermissionDenied("expected the address of a client from the trusted proxies")


def _is_in(address: IPv4Address | IPv6Address, networks: list[str]) -> bool:
    return any(address in ip_network(network) for network in networks)
