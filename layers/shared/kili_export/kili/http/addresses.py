"""Which network addresses contents may be fetched from, wherever their names and links lead.

A link to a picture is what a customer, or another author in a project, typed in: it must not reach
what only we can reach. The ranges are those that IANA's special-purpose registries give:
https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from kili_export.core.errors import InvalidConfiguration

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NOT_PUBLIC_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            # Services of IBM's cloud, which it alone routes to.
            "161.26.0.0/16",
            "166.8.0.0/14",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
_PUBLIC_6: Final = IPv6Network("2000::/3")
# Protocol assignments with Teredo, documentation, and 6to4, which hides an IPv4 address.
_NOT_PUBLIC_6: Final = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
# Where clouds tell machines their credentials, also at addresses that look public (Azure's host
# node, Equinix Metal's metadata), and what leads to no single machine.
_NEVER: Final[tuple[Network, ...]] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "192.80.8.124/32",
            "192.0.0.192/32",
            "224.0.0.0/3",
            "::/128",
            "fd00:42::42/128",
            "fd00:c1::a9fe:a9fe/128",
            "fd00:ec2::/32",
            "fd20:ce::254/128",
            "fe80::/10",
            "ff00::/8",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Public addresses are allowed, and those in `networks`, which a person has named.

    Link-local addresses and those of clouds' own services for machines are allowed to nobody.
    """

    networks: tuple[Network, ...] = ()

    def allows(self, address: str) -> bool:
        """Whether a connection may be made to an address, given in its usual form."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        plain = _unwrapped(parsed)
        hidden = _embedded(plain)
        if any(_is_in(one, _NEVER) for one in (plain, hidden) if one is not None):
            return False
        if self.names(address):
            return True
        return _is_public(plain) and (hidden is None or _is_public(hidden))

    def names(self, address: str) -> bool:
        """Whether a person has named a network that the address is in."""
        return _is_in(_unwrapped(ip_address(address)), self.networks)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks by commas, `none` for none. Raises InvalidConfiguration, naming the wrong one."""
    if text.strip().lower() in ("", "none"):
        return ()
    found: list[Network] = []
    for part in text.split(","):
        try:
            found.append(ip_network(part.strip()))
        except ValueError as error:
            raise InvalidConfiguration(
                f"{part.strip()[:64]!r} is not a network, such as 10.0.0.0/8 or fd00::/8"
            ) from error
    return tuple(found)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 socket would connect to for a mapped one."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would connect to."""
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(number & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return None


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _is_in(address, _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    return address in _NAT64 or (address in _PUBLIC_6 and not _is_in(address, _NOT_PUBLIC_6))
