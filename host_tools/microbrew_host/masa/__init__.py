"""The MASA: the manufacturer's service that signs vouchers and keeps the audit log (RFC 8995 section 5.5)."""
