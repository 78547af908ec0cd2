"""Provisioning over the wire: the real command on real targets, with every byte of the line recorded."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import serial
from cryptography import x509

from microbrew_host import cli
from microbrew_host.board.child import POWER_CUT_STATUS
from microbrew_host.board.qemu import Qemu
from microbrew_host.board.repl import Repl, heard
from microbrew_host.board.target import STORE, open_target
from microbrew_host.factory import manufacturer
from microbrew_host.factory.line import Order
from microbrew_host.factory.provision import provision
from microbrew_host.factory.wire import Wire
from microbrew_host.masa import database
from microbrew_host.voucher.keys import private_from_scalar

ROOT = Path(__file__).resolve().parents[2]
DEV = ROOT / "build/firmware/qemu_an386-dev/firmware.elf"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
EUI64 = "00-12-4B-00-00-00-02-02"
READ_KEY = "from microbrew.identity.store import Store; print(Store(%r).read('factory')[4].hex())"


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    path = tmp_path / "acme"
    manufacturer.create(path, manufacturer.Settings("Acme", "localhost:9443"), [], NOW)
    return path


@pytest.fixture(params=["unix", "qemu_an386", "cc2652-emulated"])
def target(request: pytest.FixtureRequest, need_target: Callable[[str], str]) -> str:
    return need_target(request.param)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """Everything that goes over serial ports while the test runs, either way."""
    recorded = bytearray()
    read, write = serial.Serial.read, serial.Serial.write

    def recording_read(self: serial.Serial, size: int = 1) -> bytes:
        data = read(self, size)
        recorded.extend(data)
        return data

    def recording_write(self: serial.Serial, data: bytes) -> int:
        recorded.extend(data)
        return write(self, data)

    monkeypatch.setattr(serial.Serial, "read", recording_read)
    monkeypatch.setattr(serial.Serial, "write", recording_write)
    return recorded


def microbrew(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out + captured.err


def inventory(acme: Path) -> dict[str, bytes]:
    engine = database.open_database(acme / "masa.sqlite")
    with engine.begin() as tx:
        found = {row.serial: row.certificate for row in database.devices(tx)}
    engine.dispose()
    return found


def private_key(target: str, flash: Path) -> bytes:
    with open_target(target, flash) as board, board.repl() as repl:
        return bytes.fromhex(repl(READ_KEY % STORE))


def appears(key: bytes, line: bytes) -> bool:
    """Whether the key or a half of it stands in the recording: raw, in hexadecimal digits, as a literal, in decimal."""
    for piece in (key[:16], key[16:]):
        if piece in line or piece.hex().encode() in line.lower() or repr(piece)[2:-1].encode() in line:
            return True
    return str(int.from_bytes(key, "big")).encode() in line


def test_a_key_made_on_the_board_never_crosses_the_line(target, acme, tmp_path, line, capsys) -> None:
    words = ("factory", "provision", acme, "--target", target, "--flash", tmp_path / "flash", "--eui64", EUI64)
    status, said = microbrew(capsys, *words)
    assert (status, "on the board, where it stays" in said) == (0, True), said
    recorded = bytes(line)
    key = private_key(target, tmp_path / "flash")
    certificate = inventory(acme)[EUI64]
    # The recording does hold what it should, so that a key in it would have been found.
    assert certificate.hex().encode() in recorded
    assert not appears(key, recorded)
    # And with the key's own transfer in it, it is found.
    assert appears(key, bytes(line))
    public = x509.load_der_x509_certificate(certificate).public_key()
    assert public.public_numbers().x == private_from_scalar(key).public_key().public_numbers().x


def test_repeated_it_changes_nothing_unless_told_to_replace(target, acme, tmp_path, capsys) -> None:
    words = ("factory", "provision", acme, "--target", target, "--flash", tmp_path / "flash")
    assert microbrew(capsys, *words, "--eui64", EUI64, "--serial", "MB-1")[0] == 0
    before, key = inventory(acme), private_key(target, tmp_path / "flash")
    status, said = microbrew(capsys, *words)
    assert (status, "MB-1" in said, "nothing was changed" in said) == (0, True, True), said
    status, said = microbrew(capsys, *words, "--eui64", "00-12-4B-00-00-00-02-03")
    assert (status, "is MB-1 already" in said) == (1, True), said
    assert (inventory(acme), private_key(target, tmp_path / "flash")) == (before, key)
    assert microbrew(capsys, *words, "--replace")[0] == 0
    after = inventory(acme)
    assert after.keys() == before.keys() == {"MB-1"}
    assert after["MB-1"] != before["MB-1"]
    assert private_key(target, tmp_path / "flash") != key


def test_a_key_made_here_is_gone_from_here_when_the_board_has_it(target, acme, tmp_path, line, capsys) -> None:
    words = ("factory", "provision", acme, "--target", target, "--flash", tmp_path / "flash", "--key", "here")
    status, said = microbrew(capsys, *words)
    assert (status, "key made here" in said) == (0, True), said
    assert list((acme / "pending").iterdir()) == []
    recorded = bytes(line)
    assert appears(private_key(target, tmp_path / "flash"), recorded)
    assert len(inventory(acme)) == 1


def test_an_eui64_that_the_chips_maker_assigned_is_taken_as_it_is(need_target, acme, tmp_path, capsys) -> None:
    words = ("factory", "provision", acme, "--target", need_target("cc2652-emulated"), "--flash", tmp_path / "flash")
    status, said = microbrew(capsys, *words)
    assert (status, "is 00-12-4B-00-00-00-00-00 (EUI-64 00-12-4B-00-00-00-00-00) now" in said) == (0, True), said


def test_the_board_of_another_manufacturer_is_left_alone(target, acme, tmp_path, capsys) -> None:
    other = tmp_path / "other"
    manufacturer.create(other, manufacturer.Settings("Other", "localhost:9443"), [], NOW)
    words = ("--target", target, "--flash", tmp_path / "flash")
    assert microbrew(capsys, "factory", "provision", other, *words)[0] == 0
    status, said = microbrew(capsys, "factory", "provision", acme, *words)
    assert (status, "another manufacturer" in said) == (1, True), said
    assert inventory(acme) == {}


@pytest.mark.long
def test_power_that_fails_at_any_write_leaves_it_blank_or_complete(need_target, acme, tmp_path) -> None:
    need_target("qemu_an386")
    maker = manufacturer.Manufacturer.load(acme)
    engine = database.open_database(acme / "masa.sqlite")
    start, flash = tmp_path / "start", tmp_path / "flash"
    with Qemu(DEV, flash=start) as board, Repl(board.console) as repl:
        repl("1")  # formatted
    try:
        cut = 0
        while True:
            cut += 1
            order = Order.of(bytes.fromhex("00124b000000") + cut.to_bytes(2, "big"))
            shutil.copy(start, flash)
            failed = False
            with Qemu(DEV, flash=flash, cut=cut) as board:
                try:
                    with Repl(board.console) as repl:
                        provision(Wire(repl, "/store"), maker, engine, order, now=NOW)
                except Exception:
                    failed = True
                    assert board.wait(5) == POWER_CUT_STATUS
            with Qemu(DEV, flash=flash) as board, Repl(board.console) as repl:
                wire = Wire(repl, "/store")
                has, _ = wire.status()
                assert has is None or has[3] == inventory(acme)[order.serial]
                outcome = provision(wire, maker, engine, order, now=NOW)
                assert outcome.made == (has is None)
                assert inventory(acme)[order.serial] == outcome.certificate
            if not failed:
                break
        assert cut > 5
        assert len(inventory(acme)) == cut
    finally:
        engine.dispose()


def test_openssl_reads_the_boards_request(target, tmp_path) -> None:
    with open_target(target, tmp_path / "flash") as board, board.repl() as repl:
        der = Wire(repl, STORE).request("MB-0001", bytes(range(8)))
    done = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-verify", "-noout", "-subject"], input=der, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert b"serialNumber" in done.stdout
    assert b"MB-0001" in done.stdout


def test_a_serial_port_that_is_not_there_is_a_sentence(acme, capsys) -> None:
    status, said = microbrew(capsys, "factory", "provision", acme, "--target", "/dev/ttyACM77")
    assert (status, said) == (1, "microbrew: there is no /dev/ttyACM77; is the board plugged in?\n")
    status, said = microbrew(capsys, "factory", "provision", acme, "--target", "esp32")
    assert status == 1
    assert "no target esp32; there are unix, qemu_an386" in said


def test_a_release_image_on_the_same_flash_is_who_it_was_made(images, acme, tmp_path, capsys) -> None:
    flash = tmp_path / "flash"
    words = ("factory", "provision", acme, "--target", "qemu_an386", "--flash", flash, "--eui64", EUI64)
    assert microbrew(capsys, *words)[0] == 0
    with Qemu(ROOT / "build/firmware/qemu_an386-release/firmware.elf", flash=flash) as board:
        assert f"crypto native, serial {EUI64}" in heard(board.console, "serial " + EUI64)
