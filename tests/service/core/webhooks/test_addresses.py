"""Where webhooks may lead: the internet, and what the operator allows; a name by what it leads to."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.core.foundation.settings import EVERYWHERE, Settings
from service.core.webhooks.addresses import UnreachableError, is_public, looked_up, parsed


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:db8::1",
        "64:ff9b:1::808:808",
        "fec0::1",
        "2001:0:7f00:1::80ff:fffe",
    ],
)
def test_these_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_these_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.fixture
def leads_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have every name lead to these addresses."""

    def lead(*addresses: str) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)

    return lead


def look_up(url: str, allowed: Any = ()) -> list[str]:
    return asyncio.run(looked_up(parsed(url), allowed))


def refusal(url: str, allowed: Any = ()) -> str:
    with pytest.raises(UnreachableError) as caught:
        look_up(url, allowed)
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/latest",
        "https://localhost:8000/",
        "https://0/",
    ],
)
def test_no_writing_of_a_private_address_gets_through(url: str) -> None:
    assert "not public" in refusal(url)


def test_one_private_address_among_others_is_enough(leads_to: Callable[..., None]) -> None:
    leads_to("8.8.8.8", "10.0.0.1")
    assert refusal("https://two.example/") == "the host two.example has an address that is not public"


def test_public_names_need_https(leads_to: Callable[..., None]) -> None:
    leads_to("8.8.8.8")
    assert look_up("https://hooks.example/x") == ["8.8.8.8"]
    assert "https://" in refusal("http://hooks.example/x")


def test_networks_that_are_allowed_are_called_by_http_as_well(leads_to: Callable[..., None]) -> None:
    networks = Settings(webhook_allow_private="10.0.0.0/8, 127.0.0.1").webhook_networks
    leads_to("10.1.1.1")
    assert look_up("http://inner/", networks) == ["10.1.1.1"]
    leads_to("::ffff:10.1.1.1")
    assert look_up("http://inner/", networks) == ["::ffff:10.1.1.1"]
    leads_to("127.0.0.2")
    assert "not public" in refusal("http://inner/", networks)
    assert look_up("http://inner/", EVERYWHERE) == ["127.0.0.2"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://user:word@hooks.example/", "password"),
        ("https:///x", "name a host"),
        ("ftp://hooks.example/", "https://"),
        ("https://hooks.example:99999/", "port"),
        ("https://[::1/", "no URL"),
        (f"https://{'a' * 70}.example/", ""),
    ],
)
def test_what_is_no_url_of_a_receiver(url: str, told: str) -> None:
    assert told in refusal(url)


def test_a_name_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert refusal("https://nowhere.example/") == "the host nowhere.example is not found"


def test_a_host_is_called_as_it_was_checked() -> None:
    """One parser reads the URL for the check and for the call, and the address takes the host's place."""
    assert parsed("https://hooks.example:8443/x?y=1").copy_with(host="::1") == httpx.URL("https://[::1]:8443/x?y=1")


@pytest.mark.parametrize("text", ["maybe", "10.0.0.1/8", "10.0.0.0/8,"])
def test_a_setting_that_names_no_networks_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="true, false, or networks"):
        Settings(webhook_allow_private=text)
