# A developer's image that fits: no line numbers, asserts or pure crypto in what is frozen.
# ruff: noqa: F821
include("manifest_release.py")
