# MicroPython's cross compiler, as it compiles what is frozen: longer texts become names as well, which take less room
# than objects and are there once.
MPY_CROSS_CFLAGS := -DMICROPY_ALLOC_PARSE_INTERN_STRING_LEN=100
