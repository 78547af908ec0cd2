"""The command ``microbrew``: finds the sub-command's package, runs it, turns errors into one sentence.

A sub-command lives in ``microbrew_host.<package>.commands`` as ``app`` (a ``typer.Typer``) and is imported only
when it is asked for, so start-up stays fast and a part that cannot be imported does not break the others.
"""

import importlib
import os
import sys
from importlib import metadata

import typer
from typer.core import TyperGroup
from typer.main import get_command

from microbrew.errors import MicrobrewError

# Sub-command -> package and the sentence in the overview, which must not need the import.
COMMANDS = {
    "demo": ("demo", "Run a whole zero-touch join on this machine and show what happens."),
    "sim": ("simulator", "Simulate many nodes in virtual time."),
    "ether": ("ether", "The air between processes: forwards ZEP frames, with loss, topology and pcap."),
    "border-router": ("border_router", "Connect the mesh to the registrar's UDP ports."),
    "jrc": ("jrc", "The join registrar/coordinator."),
    "masa": ("masa", "The manufacturer's voucher service."),
    "factory": ("factory", "Make device identities."),
    "emulate": ("emulator", "Run a board's image on an emulated chip, in the air of the others."),
    "board": ("board", "Put the firmware onto a board."),
    "edhoc": ("edhoc_peer", "An EDHOC peer for interoperability tests, with a trace of every value."),
    "sniff": ("sniff", "Write what a radio hears to a live pcap for Wireshark."),
    "decode": ("decode", "Explain a message, frame, voucher or capture."),
}


class LazyGroup(TyperGroup):
    """A command group that imports a sub-command on first use."""

    def list_commands(self, ctx):  # type: ignore[no-untyped-def]
        return list(COMMANDS)

    def get_command(self, ctx, cmd_name):  # type: ignore[no-untyped-def]
        if cmd_name not in COMMANDS:
            return None
        package, summary = COMMANDS[cmd_name]
        try:
            part = importlib.import_module(f"microbrew_host.{package}.commands").app
        except ImportError as error:
            if _debug():
                raise
            part = _unavailable(cmd_name, error)
        command = get_command(part)
        command.name = cmd_name
        command.short_help = summary
        return command

    def format_commands(self, ctx, formatter):  # type: ignore[no-untyped-def]
        # The overview lists all parts without importing any.
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


class Unavailable(Exception):
    """A sub-command whose package cannot be imported here."""


def _unavailable(name: str, error: ImportError) -> typer.Typer:
    part = typer.Typer(add_completion=False)

    @part.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def run() -> None:
        raise Unavailable(f"`{name}` is not available in this installation: {error}")

    return part


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"microbrew {metadata.version('microbrew')}")
        raise typer.Exit


@app.callback()
def _root(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error (or MICROBREW_DEBUG=1)."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Zero-touch enrolment for IEEE 802.15.4 devices: the host tools."""
    if debug:
        # In the environment, so that processes which a command starts show theirs too.
        os.environ["MICROBREW_DEBUG"] = "1"


def _debug() -> bool:
    return os.environ.get("MICROBREW_DEBUG", "") not in ("", "0")


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, (MicrobrewError, Unavailable, ValueError)):
        return text
    return f"{type(error).__name__}: {text}"


def main(arguments: list[str] | None = None) -> None:
    """Entry point: exit status 0 done, 1 failed, 2 wrong usage, 130 interrupted. Always raises SystemExit."""
    if arguments is None:
        arguments = sys.argv[1:]
    try:
        status = get_command(app).main(arguments or ["--help"], prog_name="microbrew", standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except typer.TyperException as error:
        # Wrong usage: Typer's own text, one sentence, or the help of a group called without a command.
        text = error.format_message()
        typer.echo(text if "\n" in text else f"microbrew: {text}", err=True)
        sys.exit(getattr(error, "exit_code", 2))
    except BrokenPipeError:
        # The reader went away (`| head`); the interpreter must not complain about the same pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if _debug():
            raise
        typer.echo(f"microbrew: {_sentence(error)}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)
