"""What a run shows: messages, intermediate values and the OSCORE context, in annotated diagnostic notation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from microbrew.crypto import Crypto
from microbrew.errors import DecodeError
from microbrew.oscore.context import Context
from microbrew_host.decode import cose, edhoc
from microbrew_host.decode.notation import Node, Options, diag, read_items, secret, sequence
from microbrew_host.edhoc_peer.tracing import Value

if TYPE_CHECKING:
    from microbrew_host.edhoc_peer.run import Outcome


class Report:
    """Prints by ``echo``. ``trace``: messages and intermediate values too; ``secrets``: those that are keys as well."""

    def __init__(self, echo: Callable[[str], None], trace: bool = False, secrets: bool = False) -> None:
        self._echo = echo
        self._trace = trace
        self._options = Options(show_keys=secrets)

    def note(self, text: str) -> None:
        """One line for everybody."""
        self._echo(text)

    def message(self, kind: str, data: bytes, sent: bool) -> None:
        """A message on its way; ``kind`` is message_1 to message_4 or error."""
        self._echo(f"{'->' if sent else '<-'} {kind}, {len(data)} bytes")
        if self._trace:
            try:
                node = edhoc.describe(data, self._options, kind, prefixed=False)
            except DecodeError as error:
                node = Node(diag(data), note=str(error))
            self._print(Node(f"{kind} = {diag(data)}"))
            self._print(node)

    def ead(self, number: int, items: list[tuple[int, bytes | None]]) -> None:
        """The EAD items of a received message."""
        for label, value in items:
            self.note(f"EAD_{number}: {label}" + ("" if value is None else f" {diag(value)}"))

    def value(self, value: Value) -> None:
        """An intermediate value; of a secret one only its length, unless secrets are shown."""
        if not self._trace:
            return
        if value.secret:
            node = secret(value.data, self._options)
        else:
            node = Node(diag(value.data))
        if value.data and not node.note:
            node.noted(f"{len(value.data)} bytes")
        self._print(node.prefixed(value.name + " = ").noted(value.note))
        if value.name.startswith("PLAINTEXT_") and value.data:
            self._print(_plaintext(value.name[-1], value.data, self._options))

    def outcome(self, crypto: Crypto, outcome: Outcome) -> None:
        """The OSCORE context of a completed run (RFC 9528 Appendix A.1, RFC 8613 section 3.2)."""
        derived = Context(crypto, outcome.master_secret, outcome.master_salt, outcome.sender_id, outcome.recipient_id)
        fields = [
            Node(f"Sender ID: {diag(outcome.sender_id)}"),
            Node(f"Recipient ID: {diag(outcome.recipient_id)}"),
            secret(outcome.master_secret, self._options).prefixed("Master Secret: "),
            secret(outcome.master_salt, self._options).prefixed("Master Salt: "),
        ]
        if self._options.show_keys:
            fields += [
                Node(f"Sender Key: {diag(derived.sender_key)}"),
                Node(f"Recipient Key: {diag(derived.recipient_key)}"),
                Node(f"Common IV: {diag(derived.common_iv)}"),
            ]
        self.note(f"EDHOC completed with {outcome.peer}")
        for line in Node("OSCORE context", fields, note="AES-CCM-16-64-128, HKDF SHA-256").lines():
            self._echo(line)

    def _print(self, node: Node) -> None:
        for line in node.lines(1):
            self._echo(line)


def _plaintext(number: str, data: bytes, options: Options) -> Node:
    """The items of PLAINTEXT_2, 3 or 4 under their names; whatever it is, for it may not be authentic."""
    title = f"PLAINTEXT_{number}"
    try:
        items, complaint = read_items(data)
    except DecodeError as error:
        return Node(title, note=str(error))
    side = {"2": "R", "3": "I"}.get(number)
    names = ["C_R"] if number == "2" else []
    if side:
        names += ["ID_CRED_" + side, "Signature_or_MAC_" + number]
    nodes = []
    for i, item in enumerate(items):
        name = names[i] if i < len(names) else "EAD_" + number
        if name.startswith("ID_CRED") and isinstance(item, dict):
            nodes.append(cose.headers(item, options).noted(name))
        else:
            nodes.append(Node(diag(item), note=name + (", a kid" if name.startswith("ID_CRED") else "")))
    return sequence(nodes, title, complaint)
