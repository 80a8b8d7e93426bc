"""Which IP addresses are on the public Internet, as far as an address can tell.

An IPv6 address can carry an IPv4 one, to which a gateway on the way would take what is sent: it is public only if that
is. `is_global` of `ipaddress` does not look inside, and differs between Pythons.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IANA's special-purpose registries (RFC 6890 and its successors), and multicast.
_CLOSED_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        ),
    )
)  # fmt: skip
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"))
)  # within 2000::/3; Teredo (2001::/32) is in the first


def _low(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)


# How an IPv4 address is carried within an IPv6 one.
_CARRIERS: tuple[tuple[IPv6Network, Callable[[IPv6Address], IPv4Address]], ...] = (
    (IPv6Network("::ffff:0:0/96"), _low),  # mapped (RFC 4291)
    (IPv6Network("64:ff9b::/96"), _low),  # NAT64 (RFC 6052)
    (IPv6Network("2002::/16"), lambda address: IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)),  # 6to4 (RFC 3056)
)


def is_public(text: str) -> bool:
    """Of an address as a socket has it; what is no address, or has a zone, is not."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _is_public_4(address) if isinstance(address, IPv4Address) else _is_public_6(address)


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _CLOSED_4)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    for network, carried in _CARRIERS:
        if address in network:
            return _is_public_4(carried(address))
    if int(address) >> 32 & 0xFCFF_FFFF == 0x5EFE:  # ISATAP (RFC 5214), on any prefix: an IPv4 address at its end
        return _is_public_4(_low(address)) and _is_unicast(address)
    return _is_unicast(address)


def _is_unicast(address: IPv6Address) -> bool:
    return address in _GLOBAL_UNICAST and not any(address in network for network in _CLOSED_6)
