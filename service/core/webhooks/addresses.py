"""The addresses that webhooks may lead to: public ones, unless the operator allows others.

A name is looked up once for each attempt, its addresses are checked, and the connection goes to one of them: a name
that leads elsewhere a moment later leads nowhere.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import httpx

from service.core.foundation.settings import Network

LOOKUP_SECONDS = 5
"""How long a name may take to be looked up."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as IPv6 networks write them, RFC 6052."""
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out for the internet, RFC 4291."""
_PLATFORM = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
"""Addresses where clouds answer a machine about itself: Azure's is public by its number alone; IETF's own (RFC 6890),
Oracle's among them, are so to Python before 3.11.10."""


class UnreachableError(Exception):
    """A URL that is not called; the message says why, and names no address."""


def parsed(url: str) -> httpx.URL:
    """Return a URL as it is called. Raises UnreachableError for one that cannot be, or that holds a password."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UnreachableError(f"it is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.host or not 0 < (parts.port or 443) < 1 << 16:
        raise UnreachableError("it must begin with https:// and name a host, and a port below 65536 if any")
    if parts.userinfo:
        raise UnreachableError("it must not hold a user or a password: messages are signed instead")
    return parts


async def looked_up(url: httpx.URL, allowed: Sequence[Network]) -> list[str]:
    """Return the addresses of a URL's host, in the order to try them.

    `allowed`: networks besides what is public, which may be called by http as well. Raises UnreachableError where one
    of them may not be called, and where there is none.
    """
    loop, port = asyncio.get_running_loop(), url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await loop.getaddrinfo(url.raw_host.decode("ascii"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # A timeout is an OSError.
        raise UnreachableError(f"the host {url.host} is not found") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for address in map(ipaddress.ip_address, addresses):
        private = _is_in(_reached(address), allowed)
        if not private and not is_public(address):
            raise UnreachableError(f"the host {url.host} has an address that is not public")
        if not private and url.scheme != "https":
            raise UnreachableError("it must begin with https://")
    return addresses


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is of the internet: not private, loopback, link-local, multicast, or of a platform."""
    reached = _reached(address)
    if isinstance(reached, IPv6Address) and reached not in _UNICAST:
        return False
    return reached.is_global and not reached.is_multicast and not _is_in(reached, _PLATFORM)


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _reached(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address leads to where it is one in disguise."""
    if not isinstance(address, IPv6Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo[1] if address.teredo is not None else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
