"""What can go wrong with a board."""

from microbrew.errors import MicrobrewError


class BoardError(MicrobrewError):
    """A board that cannot be opened, does not answer or refuses; the text is a sentence for who stands before it."""
