"""The air between processes: a hub for IEEE 802.15.4 frames in ZEP datagrams over UDP."""

from microbrew_host.ether.hub import Ether
from microbrew_host.ether.topology import Topology

__all__ = ["Ether", "Topology"]
