"""Whom we take for whom: from ID_CRED_x to an authenticated credential (RFC 9528 sections 3.5.2 and 3.5.3).

What is listed is trusted as it is, without a look at its dates; a listed CA certificate vouches for others. Left out:
revocation, name constraints and certificate policies.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from microbrew import cbor
from microbrew.edhoc.credentials import KCCS, KID, X5CHAIN, Peer, certificates, peer_reference
from microbrew.errors import CryptoError, DecodeError, EdhocError
from microbrew_host.edhoc_peer.credentials import X5T_HASHES, Credential, of_ccs, of_der, thumbprint

# As many as the firmware tries.
_MAX_SHARING = 4


@dataclass(frozen=True)
class Found:
    """A credential that we trust: for the firmware, and for a person."""

    peer: Peer
    title: str


class Trust:
    """The peers that are accepted.

    ``listed`` are credentials, each with a kid that stands for it, or None for the one in it. ``anybody`` takes every
    credential that is sent by value, as a test may want. ``clock`` gives the time for certificates.
    """

    def __init__(
        self,
        listed: list[tuple[bytes | None, Credential]],
        anybody: bool = False,
        clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self._listed = [(credential.kid if kid is None else kid, credential) for kid, credential in listed]
        self._anybody = anybody
        self._clock = clock

    def find(self, id_cred: bytes, curve: int, signs: bool) -> list[Found]:
        """The credentials behind an encoded ID_CRED_x with a key of ``curve``: several if they share a kid.

        ``signs`` tells what the key is for. Raises EdhocError, with code 3 for a reference to nothing that is listed.
        """
        try:
            header = cbor.decode(id_cred)
        except DecodeError:
            raise EdhocError(1, "malformed ID_CRED") from None
        if not isinstance(header, dict) or len(header) != 1:
            raise EdhocError(1, "unsupported credential type")
        if KCCS in header:
            hits, how = [self._by_value(_readable(lambda: of_ccs(bytes(id_cred[2:]))))], "by value"
        elif X5CHAIN in header:
            hits, how = [self._chain(_readable(lambda: of_der(certificates(id_cred))))], "by value"
        else:
            # The firmware judges the form of the reference; what it returns is not needed.
            hits, how = [], "by kid" if KID in header else "by x5t"
            peer_reference(id_cred, lambda label, value: self._reference(label, value, hits))
        fitting = [credential for credential in hits if credential.curve == curve]
        if not fitting:
            raise EdhocError(1, "the credential's key is of the wrong curve")
        for credential in fitting:
            _check_usage(credential, signs)
        return [Found(Peer(c.cred, c.public, c.curve), f"{c.title}, {how}") for c in fitting[:_MAX_SHARING]]

    def _by_value(self, shown: Credential) -> Credential:
        if self._anybody or any(credential.cred == shown.cred for _, credential in self._listed):
            return shown
        raise EdhocError(1, "untrusted credential")

    def _reference(self, label: int, value: object, hits: list[Credential]) -> Peer | None:
        for kid, credential in self._listed:
            if label == KID:
                fits = kid == value
            else:
                fits = bool(credential.chain) and value in [[a, thumbprint(credential, a)] for a in X5T_HASHES]
            if fits:
                hits.append(credential)
        return Peer(hits[0].cred, hits[0].public) if hits else None

    def _chain(self, shown: Credential) -> Credential:
        if self._anybody or any(credential.cred == shown.cred for _, credential in self._listed):
            return shown
        for _, anchor in self._listed:
            if anchor.chain and self._reaches(list(shown.chain), anchor.chain[0]):
                return shown
        raise EdhocError(1, "untrusted credential")

    def _reaches(self, chain: list[x509.Certificate], anchor: x509.Certificate) -> bool:
        now = self._clock()
        path = chain if chain[-1] == anchor else [*chain, anchor]
        if len(path) < 2:
            return False
        if any(not c.not_valid_before_utc <= now <= c.not_valid_after_utc for c in path):
            return False
        try:
            for depth, (child, issuer) in enumerate(zip(path, path[1:], strict=False)):
                child.verify_directly_issued_by(issuer)
                if not _may_issue(issuer, depth):
                    return False
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True


def _readable(read: Callable[[], Credential]) -> Credential:
    try:
        return read()
    except EdhocError:
        raise
    except (DecodeError, CryptoError, ValueError, x509.InvalidVersion):
        raise EdhocError(1, "malformed credential") from None


def _may_issue(certificate: x509.Certificate, below: int) -> bool:
    """True for a CA certificate that allows ``below`` further CA certificates under it."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    if not constraints.ca or (constraints.path_length is not None and constraints.path_length < below):
        return False
    usage = _usage(certificate)
    return usage is None or usage.key_cert_sign


def _check_usage(credential: Credential, signs: bool) -> None:
    if credential.chain:
        usage = _usage(credential.chain[0])
        if usage is not None and not (usage.digital_signature if signs else usage.key_agreement):
            raise EdhocError(1, "the certificate's key usage forbids this method")


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
