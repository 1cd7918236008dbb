/* Every function keeps its word, for right and for wrong arguments.
 *
 * contract MODEL UNREADABLE-WEIGHTS UNKNOWN-FAMILY BROKEN-TOKENIZER: four folders */

#include "check.h"

#include <math.h>

#define ROOM 1000

static void null_is_refused_or_ignored(void)
{
    CHECK(strcmp(wgformer_last_error_message(), "") == 0);
    wgformer_adapters_free(NULL);
    wgformer_gpu_free(NULL);
    wgformer_embedder_options_free(NULL);
    wgformer_embedder_free(NULL);
    CHECK(wgformer_adapters_count(NULL) == 0);
    CHECK(wgformer_adapters_description(NULL, 0) == NULL);
    CHECK(wgformer_gpu_description(NULL) == NULL);
    CHECK(wgformer_embedder_clone(NULL) == NULL);
    CHECK(wgformer_embedder_dimensions(NULL) == 0);
    CHECK(wgformer_embedder_max_tokens(NULL) == 0);
    CHECK(strcmp(wgformer_last_error_message(), "") == 0);
    FAILS(INVALID_ARGUMENT, "adapters is null", wgformer_adapters_new(NULL));
    FAILS(INVALID_ARGUMENT, "gpu is null", wgformer_gpu_new(NULL));
    FAILS(INVALID_ARGUMENT, "options is null", wgformer_embedder_options_set_normalize(NULL, true));
}

static wgformer_gpu *adapters_are_listed_and_chosen(void)
{
    wgformer_adapters *adapters;
    SUCCEEDS(wgformer_adapters_new(&adapters));
    size_t count = wgformer_adapters_count(adapters);
    CHECK(count > 0);
    CHECK(wgformer_adapters_description(adapters, count) == NULL);
    const char *first = wgformer_adapters_description(adapters, 0);

    wgformer_gpu *gpu;
    SUCCEEDS(wgformer_gpu_new_at(0, &gpu));
    CHECK(strcmp(wgformer_gpu_description(gpu), first) == 0);
    wgformer_gpu_free(gpu);

    char name[8] = {0};
    strncpy(name, first, sizeof name - 1);
    SUCCEEDS(wgformer_gpu_new_named(name, &gpu));
    CHECK(strncmp(wgformer_gpu_description(gpu), name, strlen(name)) == 0);
    wgformer_gpu_free(gpu);
    wgformer_adapters_free(adapters);

    FAILS(NO_ADAPTER, "\"Voodoo 2\"; there is: 0: ", wgformer_gpu_new_named("Voodoo 2", &gpu));
    CHECK(gpu == NULL);
    FAILS(NO_ADAPTER, "\"1000\"", wgformer_gpu_new_at(1000, &gpu));
    FAILS(INVALID_ARGUMENT, "name is null", wgformer_gpu_new_named(NULL, &gpu));
    FAILS(INVALID_ARGUMENT, "name is empty", wgformer_gpu_new_named("", &gpu));
    FAILS(INVALID_ARGUMENT, "name is not UTF-8", wgformer_gpu_new_named("\xff", &gpu));

    SUCCEEDS(wgformer_gpu_new(&gpu));
    return gpu;
}

static void unknown_options_are_refused(void)
{
    wgformer_embedder_options *options = wgformer_embedder_options_new();
    FAILS(INVALID_ARGUMENT, "dtype is 3, which is no WGFORMER_DTYPE_*",
          wgformer_embedder_options_set_dtype(options, 3));
    FAILS(INVALID_ARGUMENT, "pooling is -1, which is no WGFORMER_POOLING_*",
          wgformer_embedder_options_set_pooling(options, -1));
    FAILS(INVALID_ARGUMENT, "batch_tokens is 0",
          wgformer_embedder_options_set_batch_tokens(options, 0));
    wgformer_embedder_options_free(options);
}

static void models_that_cannot_be_loaded_are_refused(const wgformer_gpu *gpu, char **folders)
{
    wgformer_embedder *embedder;
    FAILS(INVALID_ARGUMENT, "embedder is null", wgformer_embedder_load(gpu, folders[0], NULL, NULL));
    FAILS(INVALID_ARGUMENT, "gpu is null", wgformer_embedder_load(NULL, "", NULL, &embedder));
    CHECK(embedder == NULL);
    FAILS(INVALID_ARGUMENT, "directory is null", wgformer_embedder_load(gpu, NULL, NULL, &embedder));
    FAILS(INVALID_ARGUMENT, "UTF-8", wgformer_embedder_load(gpu, "\xe4", NULL, &embedder));
    FAILS(IO, "no/model", wgformer_embedder_load(gpu, "no/model", NULL, &embedder));
    FAILS(MALFORMED, folders[1], wgformer_embedder_load(gpu, folders[1], NULL, &embedder));
    FAILS(UNSUPPORTED, "\"gpt2\"", wgformer_embedder_load(gpu, folders[2], NULL, &embedder));
    FAILS(TOKENIZER, "tokenizer.json", wgformer_embedder_load(gpu, folders[3], NULL, &embedder));
    CHECK(embedder == NULL);
}

static void wrong_texts_and_vectors_are_refused(const wgformer_embedder *embedder)
{
    size_t dimensions = wgformer_embedder_dimensions(embedder);
    wgformer_text texts[2] = {text("a cat"), text("a dog")};
    float vectors[ROOM];
    for (size_t i = 0; i < ROOM; i++) {
        vectors[i] = 7;
    }

    FAILS(INVALID_ARGUMENT, "embedder is null",
          wgformer_embedder_embed(NULL, texts, 2, vectors, ROOM));
    FAILS(INVALID_ARGUMENT, "texts is null, and 2 are needed",
          wgformer_embedder_embed(embedder, NULL, 2, vectors, ROOM));
    FAILS(INVALID_ARGUMENT, "texts: ",
          wgformer_embedder_embed(embedder, texts, SIZE_MAX, vectors, ROOM));
    FAILS(INVALID_ARGUMENT, "vectors is null",
          wgformer_embedder_embed(embedder, texts, 2, NULL, ROOM));
    char words[100];
    sprintf(words, "capacity is %zu floats, and vectors need 2 times %zu", 2 * dimensions - 1,
            dimensions);
    FAILS(INVALID_ARGUMENT, words,
          wgformer_embedder_embed(embedder, texts, 2, vectors, 2 * dimensions - 1));
    texts[1].data = NULL;
    FAILS(INVALID_ARGUMENT, "texts[1] is null, and 5 are needed",
          wgformer_embedder_embed(embedder, texts, 2, vectors, ROOM));
    texts[1] = text("caf\xe9");
    FAILS(INVALID_ARGUMENT, "texts[1] is not UTF-8",
          wgformer_embedder_embed(embedder, texts, 2, vectors, ROOM));

    for (size_t i = 0; i < ROOM; i++) {
        CHECK(vectors[i] == 7);
    }
    SUCCEEDS(wgformer_embedder_embed(embedder, NULL, 0, NULL, 0));
}

static void as_many_bytes_are_read_and_floats_written_as_are_said(const wgformer_embedder *embedder)
{
    size_t dimensions = wgformer_embedder_dimensions(embedder);
    float *expected = malloc(dimensions * sizeof *expected);
    float *vectors = malloc(3 * dimensions * sizeof *vectors);
    CHECK(expected != NULL && vectors != NULL && 3 * dimensions <= ROOM);
    wgformer_text cat = text("a cat");
    SUCCEEDS(wgformer_embedder_embed(embedder, &cat, 1, expected, dimensions));

    /* Without a NUL at its end, one in the middle, and nothing at all. */
    char *bytes = malloc(5);
    CHECK(bytes != NULL);
    memcpy(bytes, "a cat", 5);
    wgformer_text texts[3] = {{bytes, 5}, {"a\0cat", 5}, {NULL, 0}};
    vectors[3 * dimensions - 1] = NAN;
    SUCCEEDS(wgformer_embedder_embed(embedder, texts, 3, vectors, 3 * dimensions));
    CHECK(memcmp(vectors, expected, dimensions * sizeof *expected) == 0);
    CHECK(memcmp(vectors + dimensions, expected, dimensions * sizeof *expected) != 0);
    CHECK(!isnan(vectors[3 * dimensions - 1]));

    vectors[dimensions] = 7;
    SUCCEEDS(wgformer_embedder_embed(embedder, texts, 1, vectors, 3 * dimensions));
    CHECK(vectors[dimensions] == 7);
    free(bytes);
    free(vectors);
    free(expected);
}

int main(int count, char **arguments)
{
    CHECK(count == 5);
    null_is_refused_or_ignored();
    unknown_options_are_refused();
    wgformer_gpu *gpu = adapters_are_listed_and_chosen();
    models_that_cannot_be_loaded_are_refused(gpu, arguments + 1);

    /* A handle keeps what it needs, whatever is freed before it. */
    wgformer_embedder *first;
    SUCCEEDS(wgformer_embedder_load(gpu, arguments[1], NULL, &first));
    wgformer_gpu_free(gpu);
    wgformer_embedder *second = wgformer_embedder_clone(first);
    wgformer_embedder_free(first);

    CHECK(wgformer_embedder_max_tokens(second) > 0);
    wrong_texts_and_vectors_are_refused(second);
    as_many_bytes_are_read_and_floats_written_as_are_said(second);
    wgformer_embedder_free(second);
    puts(wgformer_version());
    return 0;
}
