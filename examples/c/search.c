/* Finds the sentences that are nearest to a question, and has a cross-encoder read each of them beside it.
 *
 * The reranker is a small model of this repository's tests, which learned nothing: put a cross-encoder's folder here.
 * `make c-example` compiles and runs it; scripts/c-example.sh has the commands. */

#include "wgformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 5
#define BEST 3

static const char *const SENTENCES[COUNT] = {
    "Boats drift past the harbour wall.",
    "The recipe needs two eggs and a cup of flour.",
    "Water rises and falls with the pull of the moon.",
    "Her train leaves before dawn.",
    "He lay in bed for a week with a fever.",
};

static const char *const QUESTION = "What makes the tides?";

/* Says what failed, on standard error; whether all was well. */
static bool succeeded(wgformer_status status, const char *action)
{
    if (status != WGFORMER_STATUS_OK) {
        fprintf(stderr, "%s: %s (status %d)\n", action, wgformer_last_error_message(), (int)status);
    }
    return status == WGFORMER_STATUS_OK;
}

static wgformer_text text(const char *string)
{
    wgformer_text result = {string, strlen(string)};
    return result;
}

/* The sentences' vectors come into the index in their order, so that a hit's place is that of its sentence. */
static bool add_sentences(const wgformer_embedder *embedder, wgformer_index *index)
{
    size_t floats = COUNT * wgformer_embedder_dimensions(embedder);
    wgformer_text texts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        texts[i] = text(SENTENCES[i]);
    }
    float *vectors = malloc(floats * sizeof *vectors);
    bool well = vectors != NULL
        && succeeded(wgformer_embedder_embed(embedder, texts, COUNT, vectors, floats), "embed")
        && succeeded(wgformer_index_add(index, vectors, COUNT), "add");
    free(vectors);
    return well;
}

static bool search(const wgformer_embedder *embedder, const wgformer_index *index,
                   wgformer_hits **hits)
{
    size_t dimensions = wgformer_embedder_dimensions(embedder);
    wgformer_text question = text(QUESTION);
    float *query = malloc(dimensions * sizeof *query);
    bool well = query != NULL
        && succeeded(wgformer_embedder_embed(embedder, &question, 1, query, dimensions), "embed")
        && succeeded(wgformer_index_search(index, query, 1, BEST, hits), "search");
    free(query);
    return well;
}

static bool show_hits(const wgformer_hits *hits)
{
    for (size_t i = 0; i < wgformer_hits_count(hits); i++) {
        const wgformer_hit *it = wgformer_hits_get(hits, i);
        printf("near %.3f  %s\n", it->score, SENTENCES[it->index]);
    }
    return wgformer_hits_count(hits) == BEST && wgformer_hits_get(hits, 0)->index == 2;
}

/* Only what the search found is read again: a cross-encoder is slower, and better. */
static bool rerank(const wgformer_gpu *gpu, const wgformer_hits *hits)
{
    wgformer_reranker *reranker = NULL;
    wgformer_text found[BEST];
    float scores[BEST];
    for (size_t i = 0; i < BEST; i++) {
        found[i] = text(SENTENCES[wgformer_hits_get(hits, i)->index]);
    }
    bool well = succeeded(
                    wgformer_reranker_load(gpu, "tests/data/tasks/cross-encoder", NULL, &reranker),
                    "load a reranker")
        && succeeded(
               wgformer_reranker_score(reranker, text(QUESTION), found, BEST, scores, BEST), "score");
    for (size_t i = 0; well && i < BEST; i++) {
        printf("read %.3f  %s\n", scores[i], found[i].data);
    }
    wgformer_reranker_free(reranker);
    return well;
}

/* What both take on the device now. */
static bool show_memory(const wgformer_embedder *embedder, const wgformer_index *index)
{
    wgformer_memory model, vectors;
    bool well = succeeded(wgformer_embedder_memory(embedder, &model), "ask the embedder")
        && succeeded(wgformer_index_memory(index, &vectors), "ask the index");
    if (well) {
        printf("the model takes %.1f MB, the index %.1f MB\n", (double)model.total / 1e6,
               (double)vectors.total / 1e6);
    }
    return well;
}

int main(void)
{
    wgformer_gpu *gpu = NULL;
    wgformer_embedder *embedder = NULL;
    wgformer_index *index = NULL;
    wgformer_hits *hits = NULL;
    bool well = succeeded(wgformer_gpu_new(&gpu), "open a GPU")
        && succeeded(
               wgformer_embedder_load(gpu, "models/all-MiniLM-L6-v2", NULL, &embedder), "load")
        && succeeded(
               wgformer_index_new(gpu, wgformer_embedder_dimensions(embedder), NULL, &index),
               "make an index")
        && add_sentences(embedder, index) && search(embedder, index, &hits) && show_hits(hits)
        && rerank(gpu, hits) && show_memory(embedder, index);
    wgformer_hits_free(hits);
    wgformer_index_free(index);
    wgformer_embedder_free(embedder);
    wgformer_gpu_free(gpu);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
