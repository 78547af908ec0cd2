"""What somebody with two boards is told when a join fails: by the log lines that a board has in each case."""

import pytest
from join_trouble import explain
from target_network import ROUTER, Run

BOOT = "146 boot crypto hardware, serial 62-9F-6F-BE-D8-2C-07-CD"
HEARD = f"3597 proxy {ROUTER} network 7e57"
STRANGER = "3597 proxy 00124b0000000999 network cafe"
ASKED = "3613 msg up discovery=35 proxy discovery"
ANSWERED = "4232 msg down discovery=60 join port"
TIMEOUT = "60000 failed unreachable: no answer"
REFUSED = "9000 failed refused: the registrar refused: device denied"
JOINED = "25587 joined via=00124b0000000100 short=0002 imprinted"


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ([], "did not start. Its console said: nothing"),
        (["0 stopped StoreError: no identity"], "did not start. Its console said: 0 stopped StoreError: no identity"),
        ([BOOT, "147 state WAIT_EB"], "heard no beacon"),
        ([BOOT, STRANGER, ASKED, TIMEOUT], "it tried 00124b0000000999 network cafe. Another network"),
        ([BOOT, HEARD, ASKED, TIMEOUT], "sent 1 messages; no answer reached it"),
        ([BOOT, STRANGER, HEARD, ASKED, ANSWERED, TIMEOUT], "last attempt failed: unreachable: no answer"),
        ([BOOT, HEARD, ASKED, ANSWERED, "4250 state WAIT_MESSAGE_2"], "it is in state WAIT_MESSAGE_2"),
        ([BOOT, HEARD, ASKED, ANSWERED, REFUSED], "was refused: the registrar refused: device denied"),
        ([BOOT, HEARD, ASKED, ANSWERED, JOINED], "has joined but not found its way"),
    ],
)
def test_each_way_to_fail_has_its_sentence(lines: list[str], cause: str) -> None:
    run = Run("T", "62-9F-6F-BE-D8-2C-07-CD", "629f6fbed82c07cd")
    for line in lines:
        run.feed(line)
    said = explain(run, ROUTER, ["a", "b", "c", "refused: it is denied here: stolen"])
    assert cause in said.splitlines()[0]
    # The last words of the registrar's, which knows more than it tells the air.
    assert said.splitlines()[1:] == ["registrar: b", "registrar: c", "registrar: refused: it is denied here: stolen"]
