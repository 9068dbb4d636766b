"""An address that is not of the public Internet is never taken for one, however it is wrapped."""

from ipaddress import ip_address

import pytest

from app.net.addresses import is_public, is_reachable

# What Python's own properties let through: a check by ``is_private`` or ``is_global`` alone is open to these.
NOT_PRIVATE_TO_PYTHON = ["100.64.0.1", "100.100.100.200", "224.0.0.251", "192.88.99.1", "2002:7f00:1::1"]
GLOBAL_TO_PYTHON = ["224.0.1.1", "192.88.99.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"]


@pytest.mark.parametrize("address", NOT_PRIVATE_TO_PYTHON)
def test_what_a_check_for_private_addresses_lets_through_is_not_public(address: str) -> None:
    assert not ip_address(address).is_private or address.startswith("2002")

    assert not is_public(address)


@pytest.mark.parametrize("address", GLOBAL_TO_PYTHON)
def test_what_a_check_for_global_addresses_lets_through_is_not_public(address: str) -> None:
    assert ip_address(address).is_global

    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
        *("192.168.1.1", "169.254.169.254", "192.0.0.8", "192.0.0.192", "192.0.0.9", "192.0.2.1", "198.18.0.1"),
        *("198.51.100.7", "203.0.113.9", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1", "fe80::1", "fec0::1"),
        *("fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1", "2001:0:7f00:1::1", "2001:2::1"),
        *("2002:a9fe:a9fe::1", "64:ff9b:1::7f00:1", "100::1", "5f00::1", "2606:4700::1111%eth0"),
        *("", "localhost", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "8.8.8.8/32", "\uff18.8.8.8"),
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"],
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "100.100.100.200", "fe80::1", "fd00:ec2::254"),
        *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_where_private_addresses_are_allowed_those_with_a_clouds_keys_are_not(address: str) -> None:
    assert not is_reachable(address, allow_private=True)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "100.64.0.1", "8.8.8.8", "::ffff:10.0.0.1"]
)
def test_where_private_addresses_are_allowed_services_nearby_are_reached(address: str) -> None:
    assert is_reachable(address, allow_private=True)
    assert is_reachable(address, allow_private=False) == is_public(address)
