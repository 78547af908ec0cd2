"""What is noted of a target: counts by file, so that a run of some files leaves what is known of the others."""

from outcomes import Outcomes


def found(*rows, before=None):
    outcomes = Outcomes("unix")
    for row in rows:
        outcomes.add(*row)
    return outcomes.summary(before or {})


def test_a_run_of_one_file_changes_what_is_known_of_that_file_only() -> None:
    first = found(
        ("test_cbor.py", "A.test_one", "pass", ""),
        ("test_cbor.py", "A.test_two", "skip", "no room"),
        ("test_crypto_p256.py", "B.test_one", "fail", ""),
    )
    assert first["tests"] == {"fail": 1, "pass": 1, "skip": 1}
    assert (first["vectors"], first["skipped"]) == ("fail", ["test_cbor.py, 1: no room"])
    second = found(("test_crypto_p256.py", "B.test_one", "pass", ""), before=first)
    assert second["tests"] == {"pass": 2, "skip": 1}
    assert (second["vectors"], second["skipped"]) == ("pass", ["test_cbor.py, 1: no room"])


def test_a_file_that_is_no_more_is_forgotten_and_facts_stay() -> None:
    first = found(("test_gone.py", "A.test_one", "fail", ""), before={"boots": "pass"})
    assert first["tests"] == {"fail": 1}
    second = found(("test_cbor.py", "A.test_one", "pass", ""), before=first)
    assert (second["tests"], second["boots"]) == ({"pass": 1}, "pass")


def test_a_run_without_unit_tests_leaves_their_counts() -> None:
    first = found(("test_cbor.py", "A.test_one", "pass", ""))
    assert found(before=first) == first
