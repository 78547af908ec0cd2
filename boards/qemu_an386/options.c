#include "options.h"

#include <string.h>

#include "semihosting.h"

static char words[512]; // each zero-terminated, the last one by an empty word

void options_init(void) {
    if (!semihosting_command_line(words, sizeof(words) - 1)) {
        words[0] = 0;
        return;
    }
    for (char *at = words; *at; at++) {
        if (*at == ' ') {
            *at = 0;
        }
    }
}

const char *option_text(const char *name) {
    size_t length = strlen(name);
    const char *word = words;
    while (*word) {
        if (strncmp(word, name, length) == 0 && word[length] == '=') {
            return word + length + 1;
        }
        word += strlen(word) + 1;
    }
    return NULL;
}

bool option_number(const char *name, uint32_t *value) {
    const char *text = option_text(name);
    if (!text || !*text) {
        return false;
    }
    uint32_t number = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        number = number * 10 + (*text - '0');
    }
    *value = number;
    return true;
}
