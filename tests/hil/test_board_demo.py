"""``microbrew demo --target``: the demo's devices A and B are emulated boards whose keys were made on them."""

import json
import subprocess
from pathlib import Path

from microbrew_host.demo import parts


def test_boards_and_processes_join_through_each_other_and_a_stranger_is_refused(images: None, tmp_path: Path) -> None:
    command = parts.microbrew("demo", "--target", "qemu_an386", "--directory", tmp_path / "demo", "--loss", "0.05")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "demo/report.json").read_text())
    assert report["target"] == "qemu_an386"
    outcomes = {device["name"]: device["outcome"] for device in report["devices"]}
    assert outcomes == {"A": "joined", "B": "joined", "C": "joined", "D": "refused"}
    for name in "AB":
        assert (tmp_path / f"demo/flash-{name}").stat().st_size == 256 * 1024
        # QEMU said nothing of its own, and the board's image chose the C module.
        lines = (tmp_path / f"demo/log/device-{name}.log").read_text().splitlines()
        assert any(" boot crypto native," in line for line in lines)


def test_a_target_that_the_demo_does_not_have_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        parts.microbrew("demo", "--target", "toaster", "--directory", tmp_path / "demo"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "unix or qemu_an386, not on toaster" in done.stderr + done.stdout
