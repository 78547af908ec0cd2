# Arm MPS2 with FPGA image AN386, a Cortex-M4F, as qemu-system-arm emulates it.
BOARD_CPU := -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard
BOARD_LD := board.ld
BOARD_C := board.c flash.c options.c semihosting.c
