"""`microbrew decode`: explains any message of a join as annotated CBOR diagnostic notation.

``explain(data, kind, options)`` is the whole of it as a library; ``source`` reads input, ``commands`` is the
command line. One module per protocol; ``tables`` holds all names; ``notation`` is the tree that they build.
"""
