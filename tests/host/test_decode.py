"""`microbrew decode` on the published vectors of every protocol: the right kind, the right names, no damage."""

import json
import struct
from pathlib import Path

import pytest

from microbrew.errors import DecodeError
from microbrew_host.decode.explain import KINDS, detect, explain
from microbrew_host.decode.notation import Options

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def load(name: str):
    return json.loads((VECTORS / name).read_text())


def text(data: bytes | str, kind: str = "auto", **options) -> str:
    data = bytes.fromhex(data) if isinstance(data, str) else data
    return "\n".join(line for node in explain(data, kind, Options(**options)) for line in node.lines())


COJP = load("cojp.json")
EDHOC = load("edhoc.json")
FRAMES = load("frames.json")["frames"]
SECURED = load("secframes.json")["frames"]
ZEP = load("zep.json")["frames"]
JPY = load("jpy.json")["vectors"]
ZSJ = load("voucher-zsj.json")
IETF = load("voucher-ietf.json")
OSCORE = load("oscore.json")
TRACES = [EDHOC[name] for name in EDHOC if name.startswith("rfc9529_trace") and isinstance(EDHOC[name], dict)]
TRACES += list(EDHOC["computed_vectors"].values())


# --- vouchers


@pytest.mark.parametrize("name", ZSJ["messages"])
def test_every_voucher_message_is_found_and_named(name):
    shown = text(ZSJ["messages"][name])
    kind = "voucher-request" if name.split("_")[1] in ("pvr", "rvr") else "voucher"
    assert f"/ ietf-{kind}:voucher /" in shown or f'"ietf-{kind}:voucher"' in shown
    assert "/ COSE_Sign1 /" in shown
    assert "/ nonce /" in shown or "nonceless" in name
    assert "/ serial-number /" in shown
    assert "unknown" not in shown


def test_voucher_request_leaves_have_the_names_of_the_sid_file():
    shown = text(IETF["rvr"])
    for line in (
        "2501: {  / ietf-voucher-request:voucher /",
        "1: 2,  / assertion: proximity /",
        '2: "2022-12-06T20:04:15.754Z",  / created-on /',
        "5: h'041830168014cb8d98ca74c51b58dde7acef869a9443a8d666a6',  / idevid-issuer /",
        "7: h'23bfbbc9c2bcf213',  / nonce /",
        "9: <<  / prior-signed-voucher-request: 201 bytes /",
        '13: "JADA123456789"  / serial-number /',
    ):
        assert line in shown
    # The nested request is looked into, with its own key and name.
    assert "/ proximity-registrar-pubk: SubjectPublicKeyInfo, EC secp256r1 /" in shown
    assert shown.count("/ COSE_Sign1 /") == 2


def test_certificates_in_x5bag_are_summarised():
    shown = text(IETF["rvr"])
    assert "32: [  / x5bag: 2 certificates /" in shown
    assert "CN=Custom-ER Commercial Buildings Registrar" in shown
    assert "certificate serial number: 0xc3f62149b2e30e3e" in shown
    assert "extendedKeyUsage (critical): cmcRA, serverAuth, clientAuth" in shown


def test_idevid_shows_serial_masa_url_and_hardware_module_name():
    shown = text(ZSJ["certs"]["idevid"])
    assert f'device serial number: "{ZSJ["serial"]}"' in shown
    assert f'hardwareModuleName "{ZSJ["serial"]}"' in shown
    assert "MASA URL: " in shown


def test_join_process_extension_is_shown():
    shown = text(ZSJ["messages"]["zsj_voucher_rpk_nonced"])
    assert '"extension:zsj-join"' in shown
    assert '"join-process": "minimal"' in shown


def test_tag_47_and_names_as_keys_are_understood():
    # {2451: {47(2452): 1, "nonce": h'0102', 11: "S"}}: absolute SID, leaf name and delta in one map.
    shown = text("a1190993a3d82f19099401656e6f6e63654201020b6153")
    assert "47(2452): 1,  / assertion: logged /" in shown
    assert "\"nonce\": h'0102',  / nonce /" in shown
    assert '11: "S"  / serial-number /' in shown
    assert "the firmware refuses this encoding" in shown


def test_requests_nested_without_end_are_an_error_and_no_crash():
    from microbrew import cbor

    message = b"\x01"
    for _ in range(200):
        message = cbor.encode(cbor.Tag(18, [b"", {}, cbor.encode({2501: {9: message}}), bytes(64)]))
    assert "embedded" in text(message, "voucher")


# --- CoAP, OSCORE, JPY


def test_join_request_through_the_proxy_is_read_option_by_option():
    shown = text(COJP["coap"]["join_request_pledge_to_jp"])
    assert shown.startswith("CoAP CON 0.02 POST\n")
    assert 'Uri-Host (3): "6tisch.arpa"' in shown
    assert "Partial IV h'01', kid context h'00124b0000000202', kid h''" in shown
    assert 'Proxy-Scheme (39): "coap"' in shown
    assert "OSCORE ciphertext: h'2a45fa42" in shown


def test_extended_token_is_read():
    shown = text(COJP["coap"]["join_request_jp_to_jrc_ext_token24"])
    assert f"Token: h'{COJP['ext_token']}'  / 24 bytes /" in shown


@pytest.mark.parametrize("name", [n for n in OSCORE["vectors"] if "protected" in OSCORE["vectors"][n]])
def test_oscore_messages_of_the_rfc_are_read(name):
    vector = OSCORE["vectors"][name]
    shown = text(vector["protected"])
    assert f"OSCORE ciphertext: h'{vector['ciphertext']}'" in shown
    assert f"OSCORE (9): h'{vector['oscore_option']}'" in shown


@pytest.mark.parametrize("vector", OSCORE["option_codec_malformed"], ids=lambda v: v["option"])
def test_malformed_oscore_options_are_refused(vector):
    if vector["option"]:
        with pytest.raises(DecodeError):
            explain(bytes.fromhex(vector["option"]), "oscore", Options())


def test_edhoc_in_coap_is_decoded_by_content_format():
    trace = EDHOC["rfc9529_trace_2"]
    head = "41021234abbb2e77656c6c2d6b6e6f776e056564686f631141ff"
    shown = text(head + "f5" + trace["message_1"])
    assert "Content-Format (12): 65  / application/cid-edhoc+cbor-seq /" in shown
    assert "EDHOC message_1" in shown
    assert "true,  / message_1 follows /" in shown
    shown = text(head + trace["C_R_wire"] + trace["message_3"])
    assert "EDHOC message_3" in shown
    assert "/ connection identifier of the receiver /" in shown
    shown = text("61441234abc140ff" + trace["message_2"])
    assert "CoAP ACK 2.04 Changed" in shown
    assert "EDHOC message_2" in shown


def test_combined_edhoc_and_oscore_request_is_split():
    # The example that RFC 9668 section 3.2.1 prints.
    message_3 = "52d5535f3147e85f1cfacd9e78abf9e0a81bbf"
    ciphertext = "612f1092f1776f1c1668b3825e"
    shown = text("44025d1f0000397493090001c0ff" + message_3 + ciphertext)
    assert "EDHOC (21): (empty)" in shown
    assert f"message_3: h'{message_3}'" in shown
    assert f"OSCORE ciphertext: h'{ciphertext}'" in shown


def test_voucher_in_coap_is_decoded_by_content_format():
    # 2.04, Content-Format 836 (c2 0344).
    shown = text("61441234abc20344ff" + ZSJ["messages"]["zsj_voucher_rpk_nonced"])
    assert "Content-Format (12): 836  / application/voucher+cose /" in shown
    assert "pinned-domain-pubk: SubjectPublicKeyInfo, EC secp256r1" in shown


def test_links_are_split_outside_quotes():
    links = b'<coap://[fe80::1]:61617>;rt="brski.jp,x;y",</a>'
    shown = text(bytes.fromhex("61451234abc128ff") + links)
    assert "link: <coap://[fe80::1]:61617>\n" in shown
    assert '      rt="brski.jp,x;y"\n' in shown
    assert "link: </a>" in shown


def test_block_options_show_number_and_size():
    assert "Block1 (27): 1/1/64  / block 1 of 64 bytes, more follow /" in text("40020001d10e1aff" + "00" * 64)


def test_jpy_shows_the_pledge_and_the_coap_message_inside():
    inner = bytes.fromhex(COJP["coap"]["join_request_pledge_to_jp"])
    header = bytes.fromhex("8550fe8000000000000002124b00000002021916330201")
    shown = text(header + b"\x58" + bytes([len(inner)]) + inner)
    assert "/ ip: fe80::212:4b00:0:202 /" in shown
    assert "5683,  / port /" in shown
    assert "2,  / family: IPv6 /" in shown
    assert "CoAP CON 0.02 POST" in shown


@pytest.mark.parametrize("name", JPY)
def test_jpy_forms_of_all_drafts_are_told_apart(name):
    data = bytes.fromhex(JPY[name])
    if name.endswith("reject"):
        with pytest.raises(DecodeError):
            explain(data, "jpy", Options())
        return
    assert detect(data) == "jpy"
    shown = text(data)
    assert ("two elements" in shown) == name.startswith("new")
    assert ("not understood" in shown) == ("extra" in name or "three" in name)


# --- EDHOC


@pytest.mark.parametrize("trace", TRACES, ids=lambda t: t["description"][:40])
def test_edhoc_messages_are_told_apart_without_keys(trace):
    method = text(trace["message_1"])
    assert method.startswith("EDHOC message_1")
    assert f"{trace['method']},  / " in method
    assert f"h'{trace['G_X']}',  / G_X /" in method
    assert "selected" in method
    second = text(trace["message_2"])
    assert second.startswith("EDHOC message_2")
    assert f"G_Y: h'{trace['G_Y']}'" in second
    assert f"CIPHERTEXT_2: {len(trace['CIPHERTEXT_2']) // 2} bytes" in second
    assert "CIPHERTEXT_3" in text(trace["message_3"], "edhoc3")
    assert "CIPHERTEXT_4" in text(trace["message_4"], "edhoc4")


def test_edhoc_suites_and_error_are_named():
    assert "2  / AES-CCM-16-64-128, SHA-256, 8, P-256, ES256; selected /" in text(EDHOC["rfc9529_trace_2"]["message_1"])
    shown = text("0202")
    assert shown.startswith("EDHOC error")
    assert "wrong selected cipher suite; ERR_CODE" in shown
    assert '"too bad"  / ERR_INFO /' in text("0167746f6f20626164")


@pytest.mark.parametrize("vector", EDHOC["rfc9529_invalid_messages"], ids=lambda v: v["name"])
def test_invalid_edhoc_messages_are_shown_or_refused_never_a_crash(vector):
    try:
        assert text(vector["hex"], "edhoc")
    except DecodeError as error:
        assert str(error)


@pytest.mark.parametrize("trace", TRACES, ids=lambda t: t["description"][:40])
def test_edhoc_credential_identifiers_are_named(trace):
    if trace["ID_CRED_R"].startswith("a118"):
        shown = text(trace["ID_CRED_R"])
        assert "/ COSE header map /" in shown
        assert "x5t: SHA-256" in shown or "x5chain: certificate" in shown


def test_raw_public_key_credential_is_named():
    shown = text(EDHOC["rfc9529_trace_2"]["CRED_R"])
    assert '2: "example.edu",  / sub /' in shown
    assert "/ cnf /" in shown
    assert "-1: 1,  / crv: P-256 /" in shown


# --- CoJP


def test_configuration_names_key_usage_and_hides_keys():
    shown = text(COJP["configuration_cbor"])
    assert "CoJP Configuration" in shown
    assert "6TiSCH-K1K2-ENC-MIC32" in shown
    assert "h'af93'  / short address /" in shown
    assert "e6bf4287" not in shown
    assert "16 bytes, hidden" in shown
    assert "h'e6bf4287c2d7618d6a9687445ffd33e6'" in text(COJP["configuration_cbor"], show_keys=True)


def test_rekey_lists_every_key_with_its_usage():
    shown = text(COJP["param_update_cbor"])
    assert "6,  / key_usage: 6TiSCH-K1-MIC32 /" in shown
    assert "12,  / key_usage: 6TiSCH-K2-ENC-MIC32 /" in shown
    assert "7: 0  / join rate: bytes/s /" in shown
    assert "1111" not in shown


def test_join_request_and_diagnostic_are_named():
    assert "5: h'cafe'  / network identifier /" in text(COJP["join_request_cbor"])
    shown = text(COJP["diag_cbor"])
    assert "Unsupported_Configuration" in shown
    assert "0,  / unsupported /" in shown
    assert "7,  / join rate /" in shown


def test_private_parts_of_a_cose_key_are_hidden():
    key = "a401022001215820" + "11" * 32 + "235820" + "77" * 32
    assert "77" * 32 not in text(key)
    assert "77" * 32 in text(key, show_keys=True)


# --- frames and captures


def test_beacon_shows_tsch_and_join_information():
    shown = text(FRAMES["eb_join_info_iid"])
    for line in (
        "IEEE 802.15.4-2015 beacon",
        "source: 00-12-4b-00-00-00-01-01  / PAN 0xcafe /",
        "TSCH synchronization: ASN 74565, join metric 0",
        "TSCH timeslot: template 0",
        "channel hopping: sequence 0",
        "slotframe 0: 101 slots",
        "link: timeslot 0, channel offset 0  / TX, RX, shared, timekeeping /",
        "router solicitation: answered",
        "proxy priority: 0x10",
        "PAN priority: 0x20",
        "interface identifier: h'02124b0000000101'  / proxy address fe80::212:4b00:0:101 /",
        "network identifier: h'b224e2d978592ead'",
        "/ right /",
    ):
        assert line in shown


def test_data_frame_is_read_up_to_coap():
    shown = text(FRAMES["data_v1_iphc_udp_f0b1"])
    assert "IPv6 fe80::212:4b00:0:202 -> fe80::212:4b00:0:101" in shown
    assert "UDP 61617 -> 61618" in shown
    assert 'Uri-Query (15): "brski-jp=*"' in shown


@pytest.mark.parametrize("name", [*FRAMES, *SECURED])
def test_every_frame_is_found_by_its_fcs(name):
    data = bytes.fromhex({**FRAMES, **SECURED}[name])
    assert detect(data) == "frame"
    assert "FCS: " in text(data)


def test_secured_frames_name_their_level():
    assert "security: ENC-MIC-32  / level 5 /" in text(SECURED["data_encmic32_fc6_v2"])
    assert "frame counter: suppressed, the ASN is in the nonce" in text(SECURED["data_encmic32_tsch"])
    assert "header IE time correction: " in text(SECURED["enh_ack_timecorr"])
    assert "TSCH synchronization: ASN 74565" in text(SECURED["eb_mic32_tsch"])


def test_wrong_fcs_is_said():
    damaged = bytearray.fromhex(FRAMES["imm_ack_seq7"])
    damaged[-1] ^= 1
    assert "FCS: none, or wrong" in text(bytes(damaged), "frame")


@pytest.mark.parametrize("name", ZEP)
def test_every_zep_packet_is_read(name):
    assert text(ZEP[name]).startswith("ZEP v2")


def pcap(link_type: int, packets: list[bytes], order: str = "<") -> bytes:
    out = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    for i, packet in enumerate(packets):
        out += struct.pack(order + "IIII", 100 + i, 0, len(packet), len(packet)) + packet
    return out


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_of_frames_is_read_packet_by_packet(order):
    frames = [bytes.fromhex(FRAMES[name]) for name in ("eb_join_info", "imm_ack_seq7")]
    shown = text(pcap(195, frames, order))
    assert "packet 1, 0.000000 s\n  IEEE 802.15.4-2015 beacon" in shown
    assert "packet 2, 1.000000 s\n  IEEE 802.15.4-2003 acknowledgement" in shown


def test_pcap_of_zep_in_udp_is_read():
    payload = bytes.fromhex(ZEP["zep_data_coap_discovery"])
    udp = struct.pack(">HHHH", 17755, 17754, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    for link_type, head in ((101, b""), (1, bytes(12) + b"\x08\x00")):
        shown = text(pcap(link_type, [head + ip + udp]))
        assert "UDP 17755 -> 17754" in shown
        assert "ZEP v2 data" in shown
        assert 'Uri-Path (11): "core"' in shown


def test_damaged_packet_does_not_stop_a_capture():
    shown = text(pcap(195, [b"\xff\xff\xff", bytes.fromhex(FRAMES["imm_ack_seq7"])]))
    assert "packet 1" in shown
    assert "acknowledgement" in shown


def test_truncated_capture_is_an_error():
    with pytest.raises(DecodeError, match="truncated"):
        explain(pcap(195, [bytes.fromhex(FRAMES["imm_ack_seq7"])])[:-1], "auto", Options())


# --- anything


def samples() -> list[bytes]:
    texts = [*ZSJ["messages"].values(), *COJP["coap"].values(), *FRAMES.values(), *SECURED.values(), *ZEP.values()]
    texts += [IETF["rvr"], COJP["configuration_cbor"], COJP["diag_cbor"], JPY["old_draft06_request"]]
    for trace in TRACES[:3]:
        texts += [trace[f"message_{n}"] for n in (1, 2, 3, 4)]
    return [bytes.fromhex(item) for item in texts]


def test_damaged_input_gives_a_decode_error_or_text_and_nothing_else():
    import random

    source = random.Random(9031)
    for sample in samples():
        for kind in ("auto", source.choice(list(KINDS)), source.choice(list(KINDS))):
            damaged = bytearray(sample)
            for _ in range(source.randint(1, 4)):
                damaged[source.randrange(len(damaged))] = source.randrange(256)
            damaged = damaged[: source.randint(1, len(damaged))] if source.random() < 0.5 else damaged
            try:
                assert text(bytes(damaged), kind)
            except DecodeError as error:
                assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("auto", "830080f6"),  # Unsupported_Configuration whose label is an array
        ("auto", "8300a0f6"),
        ("auto", "a108a101a401a0024020012140"),  # COSE_Key whose type is a map
        ("cose", "a2018020f6"),
        ("edhoc-error", "02a0"),  # suites that are no numbers
        ("edhoc-error", "028180"),
        ("coap", "60450001c13eff82a000"),  # multipart-core whose content-format is a map
    ],
)
def test_arrays_and_maps_in_the_place_of_numbers_are_shown_or_refused(kind, data):
    try:
        assert text(bytes.fromhex(data), kind)
    except DecodeError as error:
        assert len(str(error).splitlines()) == 1


def test_comments_cannot_be_closed_or_control_the_terminal_by_the_message():
    # A subject or string with an escape sequence must not reach the terminal raw.
    shown = text("a1" + "01" + "6a" + b"\x1b[31m / x".ljust(10).hex(), "cbor")
    assert "\x1b" not in shown
