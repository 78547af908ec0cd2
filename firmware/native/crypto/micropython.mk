# microbrew_native as a user C module: make USER_C_MODULES=.../firmware/native

include $(USERMOD_DIR)/sources.mk

SRC_USERMOD_C += $(addprefix $(USERMOD_DIR)/, $(NATIVE_MODULE))
SRC_USERMOD_LIB_C += $(addprefix $(USERMOD_DIR)/, $(NATIVE_LIBRARY))
CFLAGS_USERMOD += -I$(USERMOD_DIR) $(NATIVE_INCLUDES)
