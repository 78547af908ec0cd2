"""`microbrew edhoc`: the trace against the values of RFC 9529, both flows, negotiation, trust, and what errors say."""

import datetime
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from microbrew import cbor
from microbrew.crypto import P256
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import messages
from microbrew.errors import EdhocError
from microbrew_host.edhoc_peer import credentials, identifiers
from microbrew_host.edhoc_peer.report import Report
from microbrew_host.edhoc_peer.run import (
    InitiatorRun,
    ResponderRun,
    RunFailed,
    Settings,
    encode_ead,
    first_suites,
    next_suites,
)
from microbrew_host.edhoc_peer.trust import Trust

with open("tests/vectors/edhoc.json") as file:
    VECTORS = json.load(file)
TRACE_2 = VECTORS["rfc9529_trace_2"]
CRYPTO = HostCrypto()

# Names of RFC 9529 as the vector file has them -> as the trace prints them.
NAMES = {
    name: name
    for name in [
        "G_X",
        "G_Y",
        "TH_2",
        "input_TH_2",
        "G_XY",
        "PRK_2e",
        "SALT_3e2m",
        "G_RX",
        "PRK_3e2m",
        "context_2",
        "MAC_2",
        "PLAINTEXT_2",
        "KEYSTREAM_2",
        "CIPHERTEXT_2",
        "message_1",
        "message_2",
        "message_3",
        "message_4",
        "input_TH_3",
        "TH_3",
        "SALT_4e3m",
        "G_IY",
        "PRK_4e3m",
        "context_3",
        "MAC_3",
        "PLAINTEXT_3",
        "A_3",
        "K_3",
        "IV_3",
        "CIPHERTEXT_3",
        "input_TH_4",
        "TH_4",
        "K_4",
        "IV_4",
        "A_4",
        "CIPHERTEXT_4",
        "PRK_out",
        "PRK_exporter",
    ]
} | {
    "H_message_1": "H(message_1)",
    "M_2_to_be_signed": "M_2",
    "M_3_to_be_signed": "M_3",
    "oscore_master_secret": "OSCORE Master Secret",
    "oscore_master_salt": "OSCORE Master Salt",
}
SECRETS = ("G_XY", "PRK_2e", "SALT_3e2m", "G_RX", "PRK_3e2m", "PRK_4e3m", "K_3", "IV_3", "K_4", "IV_4", "PRK_out",
           "PRK_exporter", "oscore_master_secret", "oscore_master_salt")  # fmt: skip


def vector_settings(trace, side, **changes):
    """One party of a set of vectors."""
    other = "R" if side == "I" else "I"
    credential = credentials.parse_credential(bytes.fromhex(trace["CRED_" + side]))
    key = credentials.Key(bytes.fromhex(trace["SK_" + side]))
    encoded = bytes.fromhex(trace["ID_CRED_" + side])
    id_cred_other = cbor.decode(bytes.fromhex(trace["ID_CRED_" + other]))
    listed = [(id_cred_other.get(4), credentials.parse_credential(bytes.fromhex(trace["CRED_" + other])))]
    suites = trace["suites_i"] if isinstance(trace["suites_i"], list) else [trace["suites_i"]]
    values = {
        "crypto": CRYPTO,
        "method": trace["method"],
        "suites": tuple(suites) if side == "I" else (trace["selected_suite"],),
        "own": credentials.build_own(CRYPTO, credential, key, encoded),
        "trust": Trust(listed),
        "ephemeral": bytes.fromhex(trace["X" if side == "I" else "Y"]),
        "message_4": True,
    }
    return Settings(**(values | changes))


def run_both(trace, secrets, **changes):
    """The two traces of a whole run, as printed lines, and the two outcomes."""
    lines = {"I": [], "R": []}
    reports = {side: Report(lines[side].append, True, secrets) for side in lines}
    settings_i = vector_settings(trace, "I", **changes)
    ours = InitiatorRun(settings_i, reports["I"], list(settings_i.suites), bytes.fromhex(trace["C_I"]))
    theirs = ResponderRun(vector_settings(trace, "R", **changes), reports["R"])
    message_2 = theirs.message_2(ours.message_1(), lambda c_i: bytes.fromhex(trace["C_R"]))
    message_4 = theirs.finish(ours.message_3(message_2))
    ours.finish(message_4)
    outcomes = {"I": ours.outcome(), "R": theirs.outcome()}
    for side, report in reports.items():
        report.outcome(CRYPTO, outcomes[side])
    return lines, outcomes


def printed(lines):
    """{name: hex} of the values in a trace; the last of a name."""
    found = {}
    for line in lines:
        match = re.match(r"^\s*(.+?) = h'([0-9a-f]*)'", line)
        if match:
            found[match[1]] = match[2]
    return found


SETS = {name: VECTORS[name] for name in ("rfc9529_trace_1", "rfc9529_trace_2")} | {
    name: VECTORS["computed_vectors"][name]
    for name in (
        "m0_s2_x5chain",
        "m0_s2_x5t",
        "m0_s3_x5t256",
        "m2_s2_I_kid_R_x5chain",
        "m3_s3_kid",
        "m3_s2_I_x5chain_R_kid",
    )
}


@pytest.mark.parametrize("name", SETS)
def test_each_side_prints_the_published_value_of_every_step(name):
    trace = SETS[name]
    lines, outcomes = run_both(trace, secrets=True)
    for side in "IR":
        values = printed(lines[side])
        expected = {NAMES[key]: value for key, value in trace.items() if key in NAMES}
        wrong = {key: (values.get(key), value) for key, value in expected.items() if values.get(key) != value}
        assert wrong == {}
        assert outcomes[side].master_secret.hex() == trace["oscore_master_secret"]


def test_the_oscore_context_is_that_of_the_rfc():
    lines, outcomes = run_both(TRACE_2, secrets=True)
    context = TRACE_2["oscore_client_context"]
    shown = "\n".join(lines["I"][-8:])
    for name in ("sender_id", "recipient_id", "sender_key", "recipient_key"):
        title = name.replace("_", " ").title().replace(" Id", " ID")
        assert f"{title}: h'{context[name]}'" in shown
    assert (outcomes["R"].sender_id, outcomes["R"].recipient_id) == (outcomes["I"].recipient_id, b"\x27")


@pytest.mark.parametrize("name", SETS)
def test_no_key_is_printed_unless_secrets_are_asked_for(name):
    trace = SETS[name]
    lines, _ = run_both(trace, secrets=False)
    for side in "IR":
        text = "\n".join(lines[side])
        for key in SECRETS:
            if key in trace:
                assert trace[key] not in text, key
        assert trace["X"] not in text
        assert trace["TH_4"] in text


def test_without_trace_only_the_course_is_printed():
    lines = []
    run = InitiatorRun(vector_settings(TRACE_2, "I"), Report(lines.append), [6, 2], b"\x37")
    run.message_1()
    assert lines == ["-> message_1, 39 bytes"]


def assert_fails(step, text, call, *arguments):
    with pytest.raises(RunFailed) as caught:
        call(*arguments)
    assert str(caught.value).startswith(step + ": ")
    assert text in str(caught.value)
    return caught.value.error


def initiator_at_message_2(**changes):
    run = InitiatorRun(vector_settings(TRACE_2, "I", **changes), Report([].append), [6, 2], b"\x37")
    run.message_1()
    return run


def test_errors_name_the_check_that_failed():
    message_2 = bytes.fromhex(TRACE_2["message_2"])
    changed = message_2[:-1] + bytes((message_2[-1] ^ 1,))
    assert_fails("message_2", "MAC_2 is not what the peer sent", initiator_at_message_2().message_3, changed)
    assert_fails("message_2", "too short", initiator_at_message_2().message_3, b"\x41\x00")
    nobody = Trust([])
    error = assert_fails(
        "message_2", "no credential we know", initiator_at_message_2(trust=nobody).message_3, message_2
    )
    assert error.code == 3
    assert_fails("message_2", "error 1, busy", initiator_at_message_2().message_3, messages.error_message(1, "busy"))
    responder = ResponderRun(vector_settings(TRACE_2, "R"), Report([].append))
    responder.message_2(bytes.fromhex(TRACE_2["message_1"]), lambda c_i: b"\x27")
    message_3 = bytes.fromhex(TRACE_2["message_3"])
    assert_fails("message_3", "CIPHERTEXT_3: authentication tag does", responder.finish, message_3[:-1] + b"\x00")
    responder = ResponderRun(vector_settings(TRACE_2, "R", method=0), Report([].append))
    message_1 = bytes.fromhex(TRACE_2["message_1"])
    assert_fails("message_1", "unsupported method", responder.message_2, message_1, lambda c_i: b"\x27")
    ours = initiator_at_message_2()
    ours.message_3(message_2)
    assert_fails("message_4", "missing", ours.finish, b"")


def test_a_critical_item_that_is_not_ours_ends_the_run_and_one_that_is_does_not():
    item = encode_ead([(-9, b"x")])
    run_both(TRACE_2, secrets=False, ead={1: item, 2: item, 3: item, 4: item}, known_ead=(9,))
    with pytest.raises(RunFailed, match="message_1: unknown critical EAD item"):
        run_both(TRACE_2, secrets=False, ead={1: item})


def test_negotiation_announces_what_we_lack_but_never_selects_it():
    assert first_suites((6, 3, 2)) == [6, 3]
    assert next_suites((6, 3, 2), [6, 3], EdhocError(2, [2], True)) == [6, 3, 2]
    for suites_r in ([6], [25], [3]):
        with pytest.raises(EdhocError):
            next_suites((6, 3, 2), [6, 3], EdhocError(2, suites_r, True))
    with pytest.raises(ValueError, match="none of the suites"):
        first_suites((6,))


def test_connection_identifiers_are_free_and_one_byte():
    taken = {bytes((value,)) for value in range(0x30)}
    assert 0x30 <= identifiers.choose(taken)[0] < 0x38
    with pytest.raises(ValueError, match="taken"):
        identifiers.choose((b"\x01",), b"\x01")
    with pytest.raises(ValueError, match="all"):
        identifiers.choose({bytes((value,)) for value in range(0x38)})


# Certificates


def certificate(name, key, issuer, issuer_key, ca=False, **changes):
    start = datetime.datetime(2026, 1, 1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=changes.get("days", 365)))
        .add_extension(x509.BasicConstraints(ca, changes.get("path_length")), True)
    )
    if "usage" in changes:
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(**(usage | {changes["usage"]: True})), True)
    return builder.sign(issuer_key, hashes.SHA256())


NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
KEYS = {name: ec.derive_private_key(number, ec.SECP256R1()) for number, name in enumerate(("root", "mid", "leaf"), 5)}
ROOT = certificate("root", KEYS["root"], "root", KEYS["root"], True)
MID = certificate("mid", KEYS["mid"], "root", KEYS["root"], True)
LEAF = certificate("leaf", KEYS["leaf"], "mid", KEYS["mid"])


def credential_of(*chain):
    return credentials.of_der([item.public_bytes(Encoding.DER) for item in chain])


def find(chain, *anchors, signs=True, anybody=False):
    trust = Trust([(None, credential_of(anchor)) for anchor in anchors], anybody, lambda: NOW)
    (found,) = trust.find(credentials.id_cred(credential_of(*chain), "x5chain"), P256, signs)
    return found.title


def test_a_chain_is_trusted_up_to_a_listed_ca_or_if_its_end_is_listed():
    assert find((LEAF, MID), ROOT) == "certificate CN=leaf, by value"
    assert find((LEAF, MID, ROOT), ROOT)
    assert find((LEAF,), MID)
    assert find((LEAF,), LEAF)
    assert find((LEAF,), anybody=True)


@pytest.mark.parametrize(
    ("chain", "anchor"),
    [
        ((LEAF,), ROOT),  # the intermediate is missing
        ((LEAF, ROOT), ROOT),  # signed by somebody else
        ((certificate("leaf", KEYS["leaf"], "mid", KEYS["root"]), MID), ROOT),  # the name of one, the key of another
        ((certificate("x", KEYS["leaf"], "leaf", KEYS["leaf"]), LEAF, MID), ROOT),  # issued by what is no CA
        ((certificate("leaf", KEYS["leaf"], "mid", KEYS["mid"], days=10), MID), ROOT),  # expired
        ((LEAF, MID), certificate("root", KEYS["root"], "root", KEYS["root"], True, path_length=0)),
        ((LEAF,), certificate("mid", KEYS["mid"], "root", KEYS["root"], True, usage="digital_signature")),
    ],
)
def test_a_chain_with_a_fault_is_not_trusted(chain, anchor):
    with pytest.raises(EdhocError, match="untrusted credential"):
        find(chain, anchor)


def test_the_key_usage_must_fit_the_method():
    signing = certificate("leaf", KEYS["leaf"], "mid", KEYS["mid"], usage="digital_signature")
    agreeing = certificate("leaf", KEYS["leaf"], "mid", KEYS["mid"], usage="key_agreement")
    assert find((signing,), MID, signs=True)
    assert find((agreeing,), MID, signs=False)
    for chain, signs in ((signing, False), (agreeing, True)):
        with pytest.raises(EdhocError, match="key usage"):
            find((chain,), MID, signs=signs)


@pytest.mark.parametrize(
    "id_cred",
    ["", "ff", "a0", "a10e01", "a10ea0", "a1182101", "a118214100", "a118228101", "a20441000e41", "a10501", "80"],
)
def test_hostile_id_creds_are_refused_by_a_typed_error(id_cred):
    with pytest.raises(EdhocError):
        Trust([], True).find(bytes.fromhex(id_cred), P256, True)


def test_keys_and_credentials_are_read_in_all_their_forms(tmp_path):
    secret = KEYS["leaf"].private_numbers().private_value.to_bytes(32, "big")
    pem = KEYS["leaf"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    der = KEYS["leaf"].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for content in (secret, secret.hex().encode(), pem, der, credentials.encode_private(P256, secret)):
        path = tmp_path / "key"
        path.write_bytes(content)
        assert credentials.read_key(str(path)).secret == secret
    expected = credential_of(LEAF)
    for content in (LEAF.public_bytes(Encoding.PEM), LEAF.public_bytes(Encoding.DER), expected.cred):
        path.write_bytes(content)
        assert credentials.read_credential(str(path)).cred == expected.cred
    ccs = bytes.fromhex(TRACE_2["CRED_R"])
    for content in (ccs, b"\xa1\x0e" + ccs):
        assert credentials.parse_credential(content).cred == ccs
    with pytest.raises(ValueError, match="does not belong"):
        credentials.build_own(CRYPTO, expected, credentials.Key(bytes(31) + b"\x09"), b"")


# The command itself, as processes


def command(*arguments):
    return [sys.executable, "-u", "-m", "microbrew_host", "edhoc", *arguments]


def run_command(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, env=dict(os.environ, NO_COLOR="1")
    )


class Serving:
    """A server process; ``port`` is where, ``output`` what it printed once it has ended."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            command(*arguments, "--listen", "127.0.0.1:0"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.output = ""

    def __enter__(self):
        while True:
            line = self.process.stdout.readline()
            self.output += line
            match = re.search(r"listening on .*:(\d+)$", line)
            if match:
                self.uri = f"coap://127.0.0.1:{match[1]}"
                return self
            if not line:
                self.process.wait()
                pytest.fail(self.output)

    def __exit__(self, *exc):
        time.sleep(0.2)
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=30)
        self.output += out
        if exc[0] is None:
            assert self.process.returncode == 0, self.output


@pytest.fixture(scope="module")
def parties(tmp_path_factory):
    """Options that name us and the other, by side."""
    folder = tmp_path_factory.mktemp("parties")
    for side, kid in (("I", "2b"), ("R", "32")):
        made = run_command("credential", str(folder / side), "--kid", kid, "--subject", side)
        assert made.returncode == 0, made.stderr
        assert stat.S_IMODE((folder / f"{side}.key").stat().st_mode) == 0o600
    return {
        side: ["--key", str(folder / f"{side}.key"), "--cred", str(folder / f"{side}.ccs"),
               "--peer-cred", str(folder / f"{other}.ccs")]
        for side, other in (("I", "R"), ("R", "I"))
    }  # fmt: skip


def secret_of(output):
    return re.search(r"Master Secret: h'([0-9a-f]{32})'", output)[1]


@pytest.mark.parametrize("method", ["0", "1", "2", "3"])
def test_forward_flow_with_negotiation_and_an_oscore_request(parties, method):
    shared = ["--method", method, "--trace-secrets", "--message-4"]
    with Serving("respond", *parties["R"], *shared, "--suite", "2", "--id-cred", "kid", "--ead", "9:01") as server:
        client = run_command("initiate", server.uri, *parties["I"], *shared, "--suite", "3,2", "--get", "whoami")
        assert client.returncode == 0, client.stderr + client.stdout
    assert "trying [3, 2]" in client.stdout
    assert "EAD_2: 9 h'01'" in client.stdout
    assert "raw public key 'I', by value" in client.stdout
    assert secret_of(client.stdout) == secret_of(server.output)


def test_reverse_flow_with_negotiation_and_an_oscore_request(parties):
    shared = ["--reverse", "--trace-secrets", "--message-4"]
    with Serving("initiate", *parties["I"], *shared, "--suite", "3,2") as server:
        client = run_command("respond", server.uri, *parties["R"], *shared, "--suite", "2", "--get", "whoami")
        assert client.returncode == 0, client.stderr + client.stdout
    assert "asked the Initiator for another cipher suite" in client.stdout
    assert "raw public key 'R', by value" in client.stdout
    assert "Responder has the keys" in server.output
    assert secret_of(client.stdout) == secret_of(server.output)


def test_failures_are_one_sentence_on_both_sides(parties):
    with Serving("respond", *parties["R"], "--method", "0") as server:
        client = run_command("initiate", server.uri, *parties["I"], "--method", "3")
        assert client.returncode == 1
        assert client.stderr == "microbrew: message_2: the peer ended the run: error 1, unsupported method\n"
        # Somebody whom the Responder does not know.
        stranger = run_command("initiate", server.uri, "--any-peer", "--method", "0")
        assert stranger.returncode == 1
        assert "untrusted credential" in stranger.stderr
        none = run_command("initiate", server.uri + "/nothing", *parties["I"])
        assert none.stderr == "microbrew: 4.04 Not Found\n"
    assert "run failed: message_1: unsupported method" in server.output
    assert "run failed: message_3: untrusted credential" in server.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["initiate", "coap://localhost"], "nobody is trusted"),
        (["initiate", "--any-peer"], "give the URI"),
        (["initiate", "http://localhost", "--any-peer"], "is not coap://"),
        (["respond", "coap://localhost", "--any-peer"], "we are the server here"),
        (["respond", "--any-peer", "--listen", "nowhere"], "is not HOST:PORT"),
        (["initiate", "coap://localhost", "--any-peer", "--suite", "2,x"], "not a list of numbers"),
        (["initiate", "coap://localhost", "--any-peer", "--suite", "25"], "none of the"),
        (["initiate", "coap://localhost", "--any-peer", "--ead", "2=9"], "message_2 is not ours"),
        (["initiate", "coap://localhost", "--any-peer", "--cred", "00"], "--key"),
        (["initiate", "coap://localhost", "--any-peer", "--id-cred", "x5t"], "does not fit"),
        (["initiate", "coap://localhost", "--any-peer", "--key", "00" * 32], "out of range"),
        (["credential", "x", "--curve", "P-384"], "unknown curve"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments, text, capsys):
    from microbrew_host.cli import main

    with pytest.raises(SystemExit) as caught:
        main(["edhoc", *arguments])
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("microbrew: ")
    assert error.count("\n") == 1
    assert text in error
