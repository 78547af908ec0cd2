"""What test classes say that run once on each crypto backend: ``@on_native`` skips one where its backend is missing."""

import unittest

from microbrew import crypto
from microbrew.compat import MICROPYTHON


def present(backend):
    """Whether this interpreter has the backend."""
    try:
        crypto.load(backend)
    except ImportError:
        return False
    return True


on_host = unittest.skipIf(MICROPYTHON, "the host backend needs CPython")
on_native = unittest.skipUnless(present("native"), "no native module here: make native")
on_hardware = unittest.skipUnless(present("hardware"), "no AES in hardware here")
