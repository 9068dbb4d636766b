"""Which IP addresses are public. Pure; nothing here resolves names."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",  # this host (RFC 1122)
        "100.64.0.0/10",  # carrier-grade NAT, and metadata services of some clouds (RFC 6598)
        "192.0.0.0/24",  # protocol assignments, also those that ``is_global`` lets through (RFC 6890)
        "192.88.99.0/24",  # relays of 6to4, which lead elsewhere (RFC 7526)
        "224.0.0.0/4",  # multicast: some of it counts as global
        "240.0.0.0/4",  # reserved and broadcast
    )
)
_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out to be reached over the Internet."""
_NAT64 = IPv6Network("64:ff9b::/96")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # protocol assignments, among them Teredo, which carries an IPv4 address (RFC 2928, RFC 4380)
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries an IPv4 address (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


def is_public(text: str) -> bool:
    """Whether ``text``, an IPv4 or IPv6 address in its usual form, is an address of the public Internet.

    An IPv6 address that only wraps an IPv4 one is not, except behind NAT64, where the wrapped one decides. What is no
    address at all is not public.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_v4(address)
    return _is_public_v6(address)


_NEVER = (
    IPv4Network("169.254.0.0/16"),  # link-local: where clouds tell a machine its keys
    IPv4Network("100.100.100.200/32"),  # as the former, of a cloud that uses an address of carriers
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::254/128"),
)


def is_reachable(text: str, *, allow_private: bool) -> bool:
    """Whether an address may be connected to: a public one, or where private ones are allowed any but those by which a
    cloud gives its machines their keys. Nobody means these by a service nearby."""
    if not allow_private:
        return is_public(text)
    try:
        address = ip_address(text)
    except ValueError:
        return True  # a connection would fail at it
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address)
    return not any(address in net for net in _NEVER if net.version == address.version)


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in net for net in _NOT_PUBLIC_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _UNICAST and address.is_global and not any(address in net for net in _NOT_PUBLIC_V6)
