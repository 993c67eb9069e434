"""Which addresses may be connected to: public ones, those that were named, and no others."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import InvalidConfiguration
from kili_export.kili.http.addresses import AddressRules, parse_networks
from kili_export.kili.http.guarded_connections import AddressRefused, ConnectionGuard, is_own
from kili_export.wiring.settings import Settings

PUBLIC = ["1.1.1.1", "93.184.216.34", "192.0.1.1", "198.20.0.1", "2606:4700::1111", "2a00:1450::1"]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.255",
    "161.26.0.10",
    "166.8.0.1",
    "166.11.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.80.8.124",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:42::42",
    "fd00:c1::a9fe:a9fe",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.80.8.124",
    "fd00:42::42",
    "fd00:c1::a9fe:a9fe",
    "fd00:ec2::254",
    "fe80::1",
    "::",
]


def disguises(address: str) -> list[str]:
    """An IPv4 address as IPv6 may carry it."""
    number = int(IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    return [
        f"::ffff:{address}",
        f"::{address}",
        f"64:ff9b::{high:x}:{low:x}",
        f"64:ff9b:1::{high:x}:{low:x}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:4136:e378:8000:63bf:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
        f"2a00:1450::5efe:{high:x}:{low:x}",
        f"2a00:1450::200:5efe:{high:x}:{low:x}",
    ]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressRules().allows(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_others_are_not(address: str) -> None:
    assert not AddressRules().allows(address)


@pytest.mark.parametrize(
    "address",
    [one for plain in NOT_PUBLIC if ":" not in plain for one in disguises(plain)],
)
def test_nor_are_they_in_disguise(address: str) -> None:
    assert not AddressRules().allows(address)


def test_a_public_address_behind_a_translator_is_allowed() -> None:
    assert AddressRules().allows("::ffff:1.1.1.1")
    assert AddressRules().allows("64:ff9b::101:101")


@pytest.mark.parametrize("text", ["", "localhost", "1.1.1", "1.1.1.1 ", "1.1.1.1/32", "[::1]", "x"])
def test_what_is_no_address_is_not_allowed(text: str) -> None:
    assert not AddressRules((ip_network("0.0.0.0/0"),)).allows(text)


def test_networks_that_were_named_are_allowed_and_no_others() -> None:
    rules = AddressRules(parse_networks("10.1.0.0/16, fd12::/16"))
    assert rules.allows("10.1.2.3")
    assert rules.allows("::ffff:10.1.2.3")
    assert rules.allows("fd12::7")
    assert not rules.allows("10.2.0.1")
    assert not rules.allows("fd13::7")
    assert rules.allows("1.1.1.1")


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_links_are_allowed_to_nobody(address: str) -> None:
    assert not AddressRules(parse_networks("0.0.0.0/0,::/0")).allows(address)


@given(st.ip_addresses())
def test_python_finds_nothing_private_among_what_is_allowed(
    address: IPv4Address | IPv6Address,
) -> None:
    if AddressRules().allows(str(address)):
        private = address.is_private or address.is_loopback or address.is_link_local
        assert not private
        assert not address.is_multicast
        assert not address.is_unspecified


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "somewhere", "10.0.0.0/8,,x"])
def test_what_is_no_network_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidConfiguration, match=r"PRIVATE_NETWORKS.*is not a network"):
        _ = Settings(private_networks=text).networks


def test_no_network_is_the_default() -> None:
    assert Settings().networks == ()


def guard(networks: str, *own: str) -> ConnectionGuard:
    """One for which every name is an address, and these are the machine's own."""
    return ConnectionGuard(
        AddressRules(parse_networks(networks)), None, lambda host, _: [host], own.__contains__
    )


def test_the_machines_own_public_addresses_are_not_connected_to() -> None:
    for own in ("93.184.216.34", "2a00:1450::1"):
        with pytest.raises(AddressRefused):
            guard("none", own).addresses("https", own, 443)
        assert guard("none").addresses("https", own, 443) == [own]
        assert guard(f"{own}", own).addresses("https", own, 443) == [own], "a person named it"


def test_without_tls_only_a_named_network_is_connected_to() -> None:
    plain = replace(guard("10.0.0.0/8"), encrypted=True)
    assert plain.addresses("http", "10.1.2.3", 80) == ["10.1.2.3"]
    assert plain.addresses("https", "93.184.216.34", 443) == ["93.184.216.34"]
    with pytest.raises(AddressRefused):
        plain.addresses("http", "93.184.216.34", 80)


def test_the_machines_own_addresses_are_known_by_its_interfaces() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("192.0.2.1")
    assert not is_own("no address")
    assert not is_own("2001:db8::1")
