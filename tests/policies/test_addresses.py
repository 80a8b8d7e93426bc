import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.policies.addresses import is_public

CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:7f00:1 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1:: 64:ff9b:1::808:808 2002:7f00:1:: 2002:a00:1::1
2002:a9fe:a9fe::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 2001:10::1 2001:20::1 3fff::1 100::1 5f00::1
fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 2606:4700::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1
2606:4700::5efe:127.0.0.1 2606:4700::200:5efe:10.0.0.1 fe80::5efe:8.8.8.8
"""
OPEN = """
1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.255.255 223.255.255.255
2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001:800::200e ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
2606:4700::5efe:8.8.8.8
"""


@pytest.mark.parametrize("address", CLOSED.split())
def test_an_address_that_leads_elsewhere_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN.split())
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "2130706433", "0177.0.0.1", "127.1", "0x7f.1", "8.8.8.8 ", "８.8.8.8", "[::1]", "1.1.1.1:80"],  # noqa: RUF001
)
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)


@given(st.ip_addresses())
def test_what_python_knows_to_be_private_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    closed = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is None:
        assert not (closed and is_public(str(address)))


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_that_carries_one_is_public_only_if_that_is(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for carrier in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80 | 1):
        assert is_public(str(ipaddress.IPv6Address(carrier))) == is_public(str(address))
