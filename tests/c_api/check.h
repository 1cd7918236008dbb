/* What the test programs share. */

#include "wgformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s; last message: %s\n", __FILE__, __LINE__, #condition,       \
                    wgformer_last_error_message());                                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define SUCCEEDS(call) CHECK((call) == WGFORMER_STATUS_OK)

/* A call fails with this status, and a message that has these words. */
#define FAILS(status, words, call)                                                                 \
    do {                                                                                           \
        CHECK((call) == WGFORMER_STATUS_##status);                                                 \
        CHECK(strstr(wgformer_last_error_message(), words) != NULL);                               \
    } while (0)

static wgformer_text text(const char *string)
{
    wgformer_text result;
    result.data = string;
    result.length = strlen(string);
    return result;
}

static inline unsigned long bits(float value)
{
    uint32_t result;
    memcpy(&result, &value, sizeof result);
    return result;
}
