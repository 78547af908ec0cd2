"""`microbrew decode`: the command line."""

from enum import StrEnum

import typer

from microbrew_host.decode import source
from microbrew_host.decode.explain import KINDS, explain
from microbrew_host.decode.notation import Options

app = typer.Typer(add_completion=False, rich_markup_mode=None)

# Typer offers the choices, and checks them, by an enumeration.
Kind = StrEnum("Kind", {name: name for name in ("auto", *KINDS, "pcap")})  # type: ignore[misc]


@app.command()
def decode(
    message: str = typer.Argument(
        metavar="HEX|FILE|-", help="Hex digits, a file (binary, hex or pcap), or - for stdin."
    ),
    kind: Kind = typer.Option(Kind["auto"], "--as", help="What it is; found out by structure if not given."),
    show_keys: bool = typer.Option(False, "--show-keys", help="Print key material instead of its length."),
) -> None:
    """Explain a message, frame, voucher or capture as annotated CBOR diagnostic notation."""
    for node in explain(source.read(message), kind.value, Options(show_keys=show_keys)):
        for line in node.lines():
            typer.echo(line)
