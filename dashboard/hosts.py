"""Which addresses may be served on."""

import ipaddress

from data.errors import InvalidInput

__all__ = ["is_loopback", "refuse_network"]


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, can be reached from this machine only."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_network(host: str) -> None:
    """Raises `InvalidInput` if others than people on this machine could reach `host`."""
    if not is_loopback(host):
        raise InvalidInput(
            f"--host {host} is refused: anybody on the network could read and change this workspace; "
            "serve on 127.0.0.1 until accounts exist"
        )
