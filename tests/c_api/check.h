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

/* The bits of some floats, after a space. */
static inline void write_bits(const float *values, size_t count)
{
    printf(" ");
    for (size_t i = 0; i < count; i++) {
        printf("%08lx", bits(values[i]));
    }
}

/* What a model or an index takes, made ready or not. */
static inline void write_memory(const char *name, wgformer_memory memory)
{
    printf("memory %s %llu %llu %llu %llu %zu\n", name, (unsigned long long)memory.total,
           (unsigned long long)memory.weights, (unsigned long long)memory.activations,
           (unsigned long long)memory.staging, memory.runs);
}

#define MAKE_READY(task, handle)                                                                   \
    do {                                                                                           \
        wgformer_memory memory;                                                                    \
        SUCCEEDS(wgformer_##task##_memory(handle, &memory));                                       \
        write_memory(#task, memory);                                                               \
        SUCCEEDS(wgformer_##task##_warm_up(handle));                                               \
        SUCCEEDS(wgformer_##task##_memory(handle, &memory));                                       \
        write_memory(#task, memory);                                                               \
    } while (0)
