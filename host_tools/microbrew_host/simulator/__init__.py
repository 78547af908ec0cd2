"""Many real nodes in one process, in virtual time: ``microbrew sim``."""
