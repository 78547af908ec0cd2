"""Ten thousand frames of noise on the air do not end a board, nor take its memory, nor its place in the network."""

from __future__ import annotations

from pathlib import Path

import pytest
from noise import Noise
from open_air import OpenAir
from processes import Run
from watched_board import WatchedBoard

STRANGER = bytes.fromhex("0200000000000099")
PAN_ID = 0xCAFE
# Half of them each. On the emulator's wire every byte is an interrupt, which sets the pace.
FRAMES = 10_000
# What fills tables of fixed size comes first.
WARM_UP = 500
# Bytes: the last frames heard are still remembered here and there.
SLACK = 1024


@pytest.fixture
def network(images: None, tmp_path: Path):
    world = OpenAir(tmp_path, "a")
    try:
        world.one_site({"a": "00124b0000000761", "b": "00124b0000000762"}, ("R", "b"))
        yield world
    finally:
        world.close()


def heard(board: WatchedBoard) -> int:
    """Frames that the board's MAC has taken from its radio."""
    counters = board.ask("kept['node'].parts.link.counters if kept else {}")
    return sum(count for name, count in counters.items() if name not in ("tx", "tx_retry", "no_ack", "channel_busy"))


def level_after(network: OpenAir, board: WatchedBoard, noise: Noise, count: int) -> int:
    """Bytes of heap in use after so many frames, every one of which the board has dealt with."""
    before = heard(board)
    board.go()
    got = network.say(STRANGER, board, noise.frames(count))
    assert got > 0.95 * count
    looks = 0
    while True:
        network.until_quiet(board)
        board.halt()
        looks += 1
        # Halting a board may cost it the frame that it is about.
        if heard(board) - before >= got - looks:
            return int(board.ask("level()"))
        board.go()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_noise_leaves_a_pledge_that_joins_and_a_node_that_is_a_proxy_and_takes_no_memory(network: OpenAir) -> None:
    # Something real to spoil: another device's join, which the board does not hear.
    real = network.member("b")
    captured = network.psdus()
    target = bytes.fromhex(network.eui64("a"))
    run = network.runs["a"] = Run("a", network.serial("a"), network.eui64("a"))
    board = WatchedBoard(run, network.flash("a"), network.wire("a"))
    try:
        for is_node in (False, True):
            if is_node:
                board.go()
                network.link_now("R", "a")
                network.watch(board, lambda: run.proxying, "the board has joined after the noise")
                captured = network.psdus()
                board.halt()
            noise = Noise(1, target, PAN_ID, captured, proxies=is_node)
            first = level_after(network, board, noise, WARM_UP)
            second = level_after(network, board, noise, FRAMES // 2 - WARM_UP)
            assert second - first <= SLACK, (is_node, first, second)
        assert network.air.counters["serial_missed"] == 0
        assert run.logged("failed") == run.logged("parent-lost") == []
        # It still is a proxy: the other device forgets its network and joins through the board.
        board.go()
        network.kill("b")
        network.unlink_now("R", "b")
        network.link_now("a", "b")
        again = network.start("b", reset=True)
        network.watch(board, lambda: again.proxying, "the other device has joined through the board")
        assert again.via == network.eui64("a") != real.via
    finally:
        board.close()
