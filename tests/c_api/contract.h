/* What the contracts of tasks share. */

#include "check.h"

static wgformer_gpu *gpu;
static const char *headless;

/* Loading says what is missing, and leaves null; null is ignored elsewhere. */
#define LOADS_WHAT_IT_IS_FOR(task, status)                                                         \
    do {                                                                                           \
        wgformer_##task *task;                                                                     \
        FAILS(INVALID_ARGUMENT, #task " is null",                                                  \
              wgformer_##task##_load(gpu, headless, NULL, NULL));                                  \
        FAILS(INVALID_ARGUMENT, "gpu is null", wgformer_##task##_load(NULL, "", NULL, &task));     \
        CHECK(task == NULL);                                                                       \
        FAILS(INVALID_ARGUMENT, "directory is null",                                               \
              wgformer_##task##_load(gpu, NULL, NULL, &task));                                     \
        FAILS(IO, "no/model", wgformer_##task##_load(gpu, "no/model", NULL, &task));               \
        FAILS(status, headless, wgformer_##task##_load(gpu, headless, NULL, &task));               \
        CHECK(strstr(wgformer_last_error_message(), "head") != NULL);                              \
        CHECK(task == NULL);                                                                       \
        CHECK(wgformer_##task##_clone(NULL) == NULL);                                              \
        wgformer_##task##_free(NULL);                                                              \
    } while (0)

/* A model by its second handle, after the first was freed. */
#define LOAD(task, folder)                                                                         \
    wgformer_##task *task;                                                                         \
    do {                                                                                           \
        wgformer_##task *first;                                                                    \
        SUCCEEDS(wgformer_##task##_load(gpu, folder, NULL, &first));                               \
        task = wgformer_##task##_clone(first);                                                     \
        wgformer_##task##_free(first);                                                             \
    } while (0)

/* It runs before it is asked for anything, and says what it takes. */
#define IS_MADE_READY(task)                                                                        \
    do {                                                                                           \
        wgformer_memory memory;                                                                    \
        SUCCEEDS(wgformer_##task##_warm_up(task));                                                 \
        SUCCEEDS(wgformer_##task##_memory(task, &memory));                                         \
        CHECK(memory.weights > 0 && memory.activations > 0 && memory.staging > 0);                 \
        CHECK(memory.total                                                                         \
              == memory.weights + memory.runs * (memory.activations + memory.staging));            \
        FAILS(INVALID_ARGUMENT, "memory is null", wgformer_##task##_memory(task, NULL));           \
        FAILS(INVALID_ARGUMENT, #task " is null", wgformer_##task##_memory(NULL, &memory));        \
        FAILS(INVALID_ARGUMENT, #task " is null", wgformer_##task##_warm_up(NULL));                \
    } while (0)

/* As a list of nothing. */
#define IGNORES_NULL(list)                                                                         \
    do {                                                                                           \
        CHECK(wgformer_##list##_count(NULL) == 0);                                                 \
        CHECK(wgformer_##list##_get(NULL, 0) == NULL);                                             \
        wgformer_##list##_free(NULL);                                                              \
    } while (0)

/* The rows end where they are said to; frees them. */
#define ENDS(list)                                                                                 \
    do {                                                                                           \
        size_t end = wgformer_##list##_count(list);                                                \
        CHECK(end > 0 && wgformer_##list##_get(list, end - 1) != NULL);                            \
        CHECK(wgformer_##list##_get(list, end) == NULL);                                           \
        CHECK(wgformer_##list##_get(list, SIZE_MAX) == NULL);                                      \
        wgformer_##list##_free(list);                                                              \
    } while (0)

static const wgformer_text NOT_UTF8 = {"caf\xe9", 4};
static const wgformer_text NO_BYTES = {NULL, 5};
