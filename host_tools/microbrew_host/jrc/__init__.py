"""The join registrar/coordinator (JRC): lets devices in by voucher (BRSKI) and configures them by CoJP (RFC 9031)."""
