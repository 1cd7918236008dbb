/* Embeds three sentences and finds which two are about the same thing.
 *
 * `make c-example` compiles and runs it; scripts/c-example.sh has the commands. */

#include "wgformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 3

static const char *const SENTENCES[COUNT] = {
    "Boats drift past the harbour wall.",
    "Three ships lie at anchor in the bay.",
    "The recipe needs two eggs and a cup of flour.",
};

/* Says what failed, on standard error; whether all was well. */
static bool succeeded(wgformer_status status, const char *action)
{
    if (status != WGFORMER_STATUS_OK) {
        fprintf(stderr, "%s: %s (status %d)\n", action, wgformer_last_error_message(), (int)status);
    }
    return status == WGFORMER_STATUS_OK;
}

/* The model's vectors have length 1. */
static float cosine(const float *a, const float *b, size_t dimensions)
{
    float sum = 0;
    for (size_t i = 0; i < dimensions; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static bool related_sentences_are_nearer(const wgformer_embedder *embedder)
{
    size_t dimensions = wgformer_embedder_dimensions(embedder);
    wgformer_text texts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        texts[i].data = SENTENCES[i];
        texts[i].length = strlen(SENTENCES[i]);
    }

    float *vectors = malloc(COUNT * dimensions * sizeof *vectors);
    if (vectors == NULL) {
        fprintf(stderr, "no memory for %d vectors\n", COUNT);
        return false;
    }
    bool found = false;
    if (succeeded(
            wgformer_embedder_embed(embedder, texts, COUNT, vectors, COUNT * dimensions), "embed")) {
        float related = cosine(vectors, vectors + dimensions, dimensions);
        float unrelated = cosine(vectors, vectors + 2 * dimensions, dimensions);
        printf("%d vectors of %zu dimensions\n", COUNT, dimensions);
        printf("%.3f  %s | %s\n", related, SENTENCES[0], SENTENCES[1]);
        printf("%.3f  %s | %s\n", unrelated, SENTENCES[0], SENTENCES[2]);
        found = related > unrelated;
    }
    free(vectors);
    return found;
}

/* A model that is not there is an error that names the file. */
static bool missing_model_is_refused(const wgformer_gpu *gpu)
{
    wgformer_embedder *embedder;
    wgformer_status status = wgformer_embedder_load(gpu, "models/missing", NULL, &embedder);
    printf("without a model: %s\n", wgformer_last_error_message());
    wgformer_embedder_free(embedder); /* null after a failure */
    return status == WGFORMER_STATUS_IO;
}

int main(void)
{
    wgformer_gpu *gpu = NULL;
    wgformer_embedder *embedder = NULL;
    bool well = succeeded(wgformer_gpu_new(&gpu), "open a GPU");
    if (well) {
        printf("wgformer %s on %s\n", wgformer_version(), wgformer_gpu_description(gpu));
        well = missing_model_is_refused(gpu)
            && succeeded(
                   wgformer_embedder_load(gpu, "models/all-MiniLM-L6-v2", NULL, &embedder), "load")
            && related_sentences_are_nearer(embedder);
    }
    wgformer_embedder_free(embedder);
    wgformer_gpu_free(gpu);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
