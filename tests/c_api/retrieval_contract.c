/* Every function for vectors and what is done with them keeps its word, for right and for wrong arguments.
 *
 * retrieval_contract HEADLESS EMBEDDER SPARSE LATE FILE: four folders, the first of a model without a head, the second of
 * one with prompts, and where an index may be saved */

#include "contract.h"

#define ROOM 100

static float room[ROOM];

static void wrong_options_are_refused(void)
{
    wgformer_embedder_options *embedder = wgformer_embedder_options_new();
    FAILS(INVALID_ARGUMENT, "pooling is 6, which is no WGFORMER_POOLING_*",
          wgformer_embedder_options_set_pooling(embedder, 6));
    FAILS(INVALID_ARGUMENT, "name is null", wgformer_embedder_options_set_prompt(embedder, NULL));
    FAILS(INVALID_ARGUMENT, "name is not UTF-8",
          wgformer_embedder_options_set_prompt(embedder, "\xff"));
    FAILS(INVALID_ARGUMENT, "options is null", wgformer_embedder_options_set_prompt(NULL, "query"));
    FAILS(INVALID_ARGUMENT, "options is null", wgformer_embedder_options_set_dimensions(NULL, 1));
    FAILS(INVALID_ARGUMENT, "options is null", wgformer_embedder_options_set_per_token(NULL, true));
    FAILS(INVALID_ARGUMENT, "options is null",
          wgformer_embedder_options_set_refuse_long_texts(NULL, true));
    FAILS(INVALID_ARGUMENT, "options is null",
          wgformer_embedder_options_set_memory_budget(NULL, 1));
    wgformer_embedder_options_free(embedder);

    wgformer_index_options *index = wgformer_index_options_new();
    FAILS(INVALID_ARGUMENT, "metric is 2, which is no WGFORMER_METRIC_*",
          wgformer_index_options_set_metric(index, 2));
    FAILS(INVALID_ARGUMENT, "dtype is 3, which is no WGFORMER_DTYPE_*",
          wgformer_index_options_set_dtype(index, 3));
    FAILS(INVALID_ARGUMENT, "options is null", wgformer_index_options_set_memory_budget(NULL, 1));
    wgformer_index_options_free(index);
    wgformer_index_options_free(NULL);
}

static void lists_of_null_are_empty(void)
{
    IGNORES_NULL(embeddings);
    IGNORES_NULL(prompts);
    IGNORES_NULL(passages);
    IGNORES_NULL(sparse_embeddings);
    IGNORES_NULL(hits);
}

/* The options that only loading can check. */
static void options_that_the_model_does_not_do_are_refused(const char *folder,
                                                           const char *sparse)
{
    wgformer_embedder *embedder;
    wgformer_embedder_options *options = wgformer_embedder_options_new();
    SUCCEEDS(wgformer_embedder_options_set_prompt(options, "poem"));
    FAILS(INVALID_ARGUMENT, "\"poem\" is none of this model's, document, query",
          wgformer_embedder_load(gpu, folder, options, &embedder));
    SUCCEEDS(wgformer_embedder_options_set_prompt(options, "query"));
    SUCCEEDS(wgformer_embedder_options_set_dimensions(options, 0));
    FAILS(INVALID_ARGUMENT, "dimensions", wgformer_embedder_load(gpu, folder, options, &embedder));
    SUCCEEDS(wgformer_embedder_options_set_dimensions(options, 33));
    FAILS(INVALID_ARGUMENT, "must be 1 to 32, is 33",
          wgformer_embedder_load(gpu, folder, options, &embedder));
    SUCCEEDS(wgformer_embedder_options_set_dimensions(options, 8));
    SUCCEEDS(wgformer_embedder_options_set_memory_budget(options, 1));
    FAILS(LIMIT, "raise the memory budget",
          wgformer_embedder_load(gpu, folder, options, &embedder));
    CHECK(embedder == NULL);
    wgformer_embedder_options_free(options);

    wgformer_sparse_embedder *sparse_embedder;
    wgformer_model_options *model = wgformer_model_options_new();
    SUCCEEDS(wgformer_model_options_set_memory_budget(model, 1));
    FAILS(LIMIT, "raise the memory budget",
          wgformer_sparse_embedder_load(gpu, sparse, model, &sparse_embedder));
    CHECK(sparse_embedder == NULL);
    wgformer_model_options_free(model);
}

static void check_embeddings(const wgformer_text *texts)
{
    LOAD(embedder, headless);
    wgformer_embeddings *embeddings;
    FAILS(INVALID_ARGUMENT, "embeddings is null",
          wgformer_embedder_embeddings(embedder, texts, 2, NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null",
          wgformer_embedder_embeddings(NULL, texts, 2, &embeddings));
    FAILS(INVALID_ARGUMENT, "texts is null, and 2 are needed",
          wgformer_embedder_embeddings(embedder, NULL, 2, &embeddings));
    FAILS(INVALID_ARGUMENT, "texts[0] is not UTF-8",
          wgformer_embedder_embeddings(embedder, &NOT_UTF8, 1, &embeddings));
    CHECK(embeddings == NULL);
    wgformer_metric metric;
    FAILS(INVALID_ARGUMENT, "metric is null", wgformer_embedder_metric(embedder, NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null", wgformer_embedder_metric(NULL, &metric));
    SUCCEEDS(wgformer_embedder_embeddings(embedder, texts, 2, &embeddings));
    wgformer_embedder_free(embedder);

    const wgformer_embedding *first = wgformer_embeddings_get(embeddings, 0);
    CHECK(first->vectors.count == 1 && first->tokens > 2 && !first->is_cut);
    CHECK(wgformer_embeddings_get(embeddings, 1)->is_cut);
    CHECK(wgformer_embeddings_count(embeddings) == 2);
    ENDS(embeddings);
}

static void long_texts_are_refused_by_name(const wgformer_text *texts)
{
    wgformer_embedder *embedder;
    wgformer_embedder_options *options = wgformer_embedder_options_new();
    SUCCEEDS(wgformer_embedder_options_set_refuse_long_texts(options, true));
    SUCCEEDS(wgformer_embedder_load(gpu, headless, options, &embedder));
    wgformer_embedder_options_free(options);
    size_t dimensions = wgformer_embedder_dimensions(embedder);
    FAILS(INVALID_ARGUMENT, "text 1", wgformer_embedder_embed(embedder, texts, 2, room, ROOM));
    SUCCEEDS(wgformer_embedder_embed(embedder, texts, 1, room, dimensions));
    wgformer_embedder_free(embedder);
}

/* Neither an array of one per text nor a summary has room for them, of whichever handle. */
static void vectors_of_tokens_come_as_lists(const wgformer_text *texts, const char *folder)
{
    wgformer_embedder *first;
    wgformer_embedder_options *options = wgformer_embedder_options_new();
    SUCCEEDS(wgformer_embedder_options_set_per_token(options, true));
    SUCCEEDS(wgformer_embedder_load(gpu, folder, options, &first));
    wgformer_embedder_options_free(options);
    wgformer_embedder *embedders[3] = {first, wgformer_embedder_clone(first), NULL};
    SUCCEEDS(wgformer_embedder_for_queries(first, &embedders[2]));
    for (size_t i = 0; i < 3; i++) {
        wgformer_sentences *sentences;
        wgformer_embeddings *embeddings;
        FAILS(INVALID_ARGUMENT, "embedder gives a vector per token",
              wgformer_embedder_embed(embedders[i], texts, 1, room, ROOM));
        FAILS(INVALID_ARGUMENT, "embedder gives a vector per token",
              wgformer_embedder_summarize(embedders[i], texts[0], 1, &sentences));
        SUCCEEDS(wgformer_embedder_embeddings(embedders[i], texts, 1, &embeddings));
        const wgformer_embedding *it = wgformer_embeddings_get(embeddings, 0);
        CHECK(it->vectors.count == it->tokens && it->tokens > 2);
        wgformer_embeddings_free(embeddings);
        wgformer_embedder_free(embedders[i]);
    }
}

static void check_prompts(const char *folder)
{
    LOAD(embedder, folder);
    wgformer_prompts *prompts;
    FAILS(INVALID_ARGUMENT, "prompts is null", wgformer_embedder_prompts(embedder, NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null", wgformer_embedder_prompts(NULL, &prompts));
    CHECK(prompts == NULL);
    wgformer_embedder *other;
    FAILS(INVALID_ARGUMENT, "prompted is null",
          wgformer_embedder_with_prompt(embedder, "query", NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null",
          wgformer_embedder_with_prompt(NULL, "query", &other));
    FAILS(INVALID_ARGUMENT, "name is null", wgformer_embedder_with_prompt(embedder, NULL, &other));
    FAILS(INVALID_ARGUMENT, "UTF-8", wgformer_embedder_with_prompt(embedder, "\xff", &other));
    FAILS(INVALID_ARGUMENT, "\"poem\"", wgformer_embedder_with_prompt(embedder, "poem", &other));
    FAILS(INVALID_ARGUMENT, "queries is null", wgformer_embedder_for_queries(embedder, NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null", wgformer_embedder_for_queries(NULL, &other));
    FAILS(INVALID_ARGUMENT, "documents is null", wgformer_embedder_for_documents(embedder, NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null", wgformer_embedder_for_documents(NULL, &other));
    CHECK(other == NULL);
    SUCCEEDS(wgformer_embedder_prompts(embedder, &prompts));
    SUCCEEDS(wgformer_embedder_for_queries(embedder, &other));
    wgformer_embedder_free(embedder);

    CHECK(wgformer_prompts_count(prompts) == 2);
    CHECK(strcmp(wgformer_prompts_get(prompts, 1)->name, "query") == 0);
    CHECK(strcmp(wgformer_prompts_get(prompts, 1)->text, "where: ") == 0);
    ENDS(prompts);
    wgformer_text cat = text("a cat");
    SUCCEEDS(wgformer_embedder_embed(other, &cat, 1, room, ROOM));
    wgformer_embedder_free(other);
}

static void check_passages(wgformer_text whole)
{
    LOAD(embedder, headless);
    wgformer_passages *passages;
    FAILS(INVALID_ARGUMENT, "passages is null",
          wgformer_embedder_passages(embedder, whole, 2, NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null",
          wgformer_embedder_passages(NULL, whole, 2, &passages));
    FAILS(INVALID_ARGUMENT, "text is not UTF-8",
          wgformer_embedder_passages(embedder, NOT_UTF8, 2, &passages));
    FAILS(INVALID_ARGUMENT, "overlap",
          wgformer_embedder_passages(embedder, whole, SIZE_MAX, &passages));
    CHECK(passages == NULL);
    SUCCEEDS(wgformer_embedder_passages(embedder, whole, 2, &passages));
    wgformer_embedder_free(embedder);
    const wgformer_passage *it = wgformer_passages_get(passages, 0);
    CHECK(it->start == 0 && memcmp(it->text.data, whole.data, it->text.length) == 0);
    CHECK(wgformer_passages_count(passages) > 1);
    ENDS(passages);
}

static void check_precision(void)
{
    const float vectors[2 * 9] = {0.5f, -0.25f, 0, 1, 0, 0, 0, 0, 2, 0};
    int8_t integers[19] = {0};
    uint8_t bytes[5] = {0};
    integers[18] = 7;
    bytes[4] = 7;
    FAILS(INVALID_ARGUMENT, "vectors is null, and 18 are needed",
          wgformer_to_int8(NULL, 2, 9, integers, 18));
    FAILS(INVALID_ARGUMENT, "dimensions is 0", wgformer_to_int8(vectors, 2, 0, integers, 18));
    FAILS(INVALID_ARGUMENT, "vectors: ",
          wgformer_to_int8(vectors, SIZE_MAX, SIZE_MAX, integers, 18));
    FAILS(INVALID_ARGUMENT, "capacity is 17 integers, and integers need 2 times 9",
          wgformer_to_int8(vectors, 2, 9, integers, 17));
    FAILS(INVALID_ARGUMENT, "integers is null", wgformer_to_int8(vectors, 2, 9, NULL, 18));
    CHECK(integers[8] == 0);
    SUCCEEDS(wgformer_to_int8(vectors, 2, 9, integers, 18));
    CHECK(integers[0] == 32 && integers[1] == -16 && integers[8] == 127 && integers[9] == 0);
    CHECK(integers[18] == 7);

    FAILS(INVALID_ARGUMENT, "vectors is null", wgformer_to_ubinary(NULL, 2, 9, bytes, 4));
    FAILS(INVALID_ARGUMENT, "dimensions is 0", wgformer_to_ubinary(vectors, 2, 0, bytes, 4));
    FAILS(INVALID_ARGUMENT, "capacity is 3 bytes, and bytes need 2 times 2",
          wgformer_to_ubinary(vectors, 2, 9, bytes, 3));
    FAILS(INVALID_ARGUMENT, "bytes is null", wgformer_to_ubinary(vectors, 2, 9, NULL, 4));
    CHECK(bytes[0] == 0);
    SUCCEEDS(wgformer_to_ubinary(vectors, 2, 9, bytes, 4));
    CHECK(bytes[0] == 0x90 && bytes[1] == 0x80 && bytes[2] == 0 && bytes[3] == 0 && bytes[4] == 7);
    SUCCEEDS(wgformer_to_int8(NULL, 0, 9, NULL, 0));
    SUCCEEDS(wgformer_to_ubinary(NULL, 0, 9, NULL, 0));
}

static void check_sparse_embedder(const char *folder, const wgformer_text *texts)
{
    LOAD(sparse_embedder, folder);
    wgformer_sparse_embedder *prompted;
    FAILS(INVALID_ARGUMENT, "prompted is null",
          wgformer_sparse_embedder_with_prompt(sparse_embedder, "query", NULL));
    FAILS(INVALID_ARGUMENT, "sparse_embedder is null",
          wgformer_sparse_embedder_with_prompt(NULL, "query", &prompted));
    FAILS(INVALID_ARGUMENT, "name is null",
          wgformer_sparse_embedder_with_prompt(sparse_embedder, NULL, &prompted));
    FAILS(INVALID_ARGUMENT, "\"poem\"",
          wgformer_sparse_embedder_with_prompt(sparse_embedder, "poem", &prompted));
    CHECK(prompted == NULL);
    wgformer_sparse_embeddings *sparse_embeddings;
    FAILS(INVALID_ARGUMENT, "embeddings is null",
          wgformer_sparse_embedder_embed(sparse_embedder, texts, 2, NULL));
    FAILS(INVALID_ARGUMENT, "sparse_embedder is null",
          wgformer_sparse_embedder_embed(NULL, texts, 2, &sparse_embeddings));
    FAILS(INVALID_ARGUMENT, "texts is null",
          wgformer_sparse_embedder_embed(sparse_embedder, NULL, 2, &sparse_embeddings));
    FAILS(INVALID_ARGUMENT, "texts[0] is null, and 5 are needed",
          wgformer_sparse_embedder_embed(sparse_embedder, &NO_BYTES, 1, &sparse_embeddings));
    CHECK(sparse_embeddings == NULL);
    IS_MADE_READY(sparse_embedder);
    SUCCEEDS(wgformer_sparse_embedder_embed(sparse_embedder, texts, 2, &sparse_embeddings));
    wgformer_sparse_embedder_free(sparse_embedder);
    CHECK(wgformer_sparse_embeddings_count(sparse_embeddings) == 2);
    const wgformer_sparse_embedding *it = wgformer_sparse_embeddings_get(sparse_embeddings, 0);
    CHECK(it->count > 0 && !it->is_cut);
    CHECK(it->weights[0] >= it->weights[it->count - 1] && it->weights[it->count - 1] > 0);
    CHECK(strlen(it->entries[it->count - 1]) > 0);
    CHECK(wgformer_sparse_embeddings_get(sparse_embeddings, 1)->is_cut);
    ENDS(sparse_embeddings);
}

static void wrong_vectors_are_refused(const wgformer_late_interaction *model, wgformer_vectors right)
{
    wgformer_vectors null = {NULL, 2}, many = {right.values, SIZE_MAX}, both[2];
    both[0] = right;
    both[1] = null;
    FAILS(INVALID_ARGUMENT, "late_interaction is null",
          wgformer_late_interaction_score_vectors(NULL, right, &right, 1, room, ROOM));
    FAILS(INVALID_ARGUMENT, "query is null",
          wgformer_late_interaction_score_vectors(model, null, &right, 1, room, ROOM));
    FAILS(INVALID_ARGUMENT, "query: ",
          wgformer_late_interaction_score_vectors(model, many, &right, 1, room, ROOM));
    FAILS(INVALID_ARGUMENT, "documents is null, and 2 are needed",
          wgformer_late_interaction_score_vectors(model, right, NULL, 2, room, ROOM));
    FAILS(INVALID_ARGUMENT, "documents[1] is null",
          wgformer_late_interaction_score_vectors(model, right, both, 2, room, ROOM));
    static const float zeros[1 << 20];
    wgformer_vectors longer = {zeros, (1 << 20) / wgformer_late_interaction_dimensions(model)};
    FAILS(INVALID_ARGUMENT, "at most 4096",
          wgformer_late_interaction_score_vectors(model, right, &longer, 1, room, ROOM));
    FAILS(INVALID_ARGUMENT, "scores is null",
          wgformer_late_interaction_score_vectors(model, right, &right, 1, NULL, ROOM));
    FAILS(INVALID_ARGUMENT, "capacity is 0 floats, and scores need 1 times 1",
          wgformer_late_interaction_score_vectors(model, right, &right, 1, room, 0));
}

static void check_late_interaction(const char *folder, const wgformer_text *texts)
{
    LOAD(late_interaction, folder);
    CHECK(wgformer_late_interaction_dimensions(NULL) == 0);
    wgformer_embeddings *embeddings;
    FAILS(INVALID_ARGUMENT, "embeddings is null",
          wgformer_late_interaction_embed(late_interaction, WGFORMER_SIDE_QUERY, texts, 1, NULL));
    FAILS(INVALID_ARGUMENT, "late_interaction is null",
          wgformer_late_interaction_embed(NULL, WGFORMER_SIDE_QUERY, texts, 1, &embeddings));
    FAILS(INVALID_ARGUMENT, "side is 2, which is no WGFORMER_SIDE_*",
          wgformer_late_interaction_embed(late_interaction, 2, texts, 1, &embeddings));
    FAILS(INVALID_ARGUMENT, "texts[0] is not UTF-8",
          wgformer_late_interaction_embed(late_interaction, WGFORMER_SIDE_DOCUMENT, &NOT_UTF8, 1,
                                          &embeddings));
    CHECK(embeddings == NULL);
    FAILS(INVALID_ARGUMENT, "late_interaction is null",
          wgformer_late_interaction_score(NULL, texts[0], texts, 2, room, ROOM));
    FAILS(INVALID_ARGUMENT, "query is not UTF-8",
          wgformer_late_interaction_score(late_interaction, NOT_UTF8, texts, 2, room, ROOM));
    FAILS(INVALID_ARGUMENT, "texts is null",
          wgformer_late_interaction_score(late_interaction, texts[0], NULL, 2, room, ROOM));
    FAILS(INVALID_ARGUMENT, "capacity is 1 floats, and scores need 2 times 1",
          wgformer_late_interaction_score(late_interaction, texts[0], texts, 2, room, 1));
    SUCCEEDS(wgformer_late_interaction_embed(late_interaction, WGFORMER_SIDE_DOCUMENT, texts, 2,
                                             &embeddings));
    const wgformer_embedding *it = wgformer_embeddings_get(embeddings, 0);
    CHECK(it->vectors.count > 1);

    for (size_t i = 0; i < ROOM; i++) {
        room[i] = 7;
    }
    wrong_vectors_are_refused(late_interaction, it->vectors);
    CHECK(room[0] == 7);
    wgformer_vectors none = {NULL, 0};
    SUCCEEDS(wgformer_late_interaction_score_vectors(late_interaction, it->vectors, &none, 1, room,
                                                     1));
    CHECK(room[0] == 0);
    SUCCEEDS(wgformer_late_interaction_score_vectors(late_interaction, none, &it->vectors, 1, room,
                                                     1));
    CHECK(room[0] == 0);
    SUCCEEDS(wgformer_late_interaction_score(late_interaction, texts[0], texts, 2, room, 2));
    CHECK(room[0] != 7 && room[1] != 7 && room[2] == 7);
    IS_MADE_READY(late_interaction);
    wgformer_late_interaction_free(late_interaction);
    ENDS(embeddings);
}

static void wrong_indexes_are_refused(const char *file)
{
    wgformer_index *index;
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_new(gpu, 2, NULL, NULL));
    FAILS(INVALID_ARGUMENT, "gpu is null", wgformer_index_new(NULL, 2, NULL, &index));
    FAILS(INVALID_ARGUMENT, "at least one dimension", wgformer_index_new(gpu, 0, NULL, &index));
    FAILS(LIMIT, "dimensions", wgformer_index_new(gpu, SIZE_MAX, NULL, &index));
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_load(gpu, file, NULL, NULL));
    FAILS(INVALID_ARGUMENT, "gpu is null", wgformer_index_load(NULL, file, NULL, &index));
    FAILS(INVALID_ARGUMENT, "path is null", wgformer_index_load(gpu, NULL, NULL, &index));
    FAILS(INVALID_ARGUMENT, "path is not UTF-8", wgformer_index_load(gpu, "\xff", NULL, &index));
    FAILS(IO, "no/index", wgformer_index_load(gpu, "no/index", NULL, &index));
    FAILS(MALFORMED, "check.h", wgformer_index_load(gpu, "tests/c_api/check.h", NULL, &index));
    CHECK(index == NULL);
    CHECK(wgformer_index_clone(NULL) == NULL);
    CHECK(wgformer_index_count(NULL) == 0);
    CHECK(wgformer_index_dimensions(NULL) == 0);
    CHECK(wgformer_index_metric(NULL) == WGFORMER_METRIC_COSINE);
    wgformer_index_free(NULL);
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_add(NULL, room, 1));
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_upload(NULL));
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_save(NULL, file));
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_recover(NULL, gpu, &index));
    wgformer_hits *hits;
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_search(NULL, room, 1, 1, &hits));
    CHECK(hits == NULL);
    wgformer_memory memory;
    FAILS(INVALID_ARGUMENT, "index is null", wgformer_index_memory(NULL, &memory));
    FAILS(INVALID_ARGUMENT, "gpu is null",
          wgformer_index_memory_needed(NULL, 2, 1, 1, NULL, &memory));
    FAILS(INVALID_ARGUMENT, "memory is null",
          wgformer_index_memory_needed(gpu, 2, 1, 1, NULL, NULL));
}

static void what_does_not_fit_the_budget_is_not_added(void)
{
    wgformer_index *index;
    wgformer_index_options *options = wgformer_index_options_new();
    SUCCEEDS(wgformer_index_options_set_memory_budget(options, 1));
    SUCCEEDS(wgformer_index_new(gpu, 2, options, &index));
    const float vectors[2] = {1, 0};
    FAILS(LIMIT, "budget", wgformer_index_add(index, vectors, 1));
    CHECK(wgformer_index_count(index) == 0);
    wgformer_index_free(index);
    wgformer_index_options_free(options);
}

static wgformer_index *check_index(const char *file)
{
    wgformer_index *index, *other;
    wgformer_hits *hits;
    const float vectors[6] = {1, 0, 0, 2, 3, 3};
    const float not_finite[2] = {1, strtof("nan", NULL)};
    SUCCEEDS(wgformer_index_new(gpu, 2, NULL, &index));
    SUCCEEDS(wgformer_index_search(index, vectors, 3, 2, &hits));
    CHECK(hits != NULL && wgformer_hits_count(hits) == 0);
    wgformer_hits_free(hits);
    FAILS(INVALID_ARGUMENT, "vectors is null, and 6 are needed",
          wgformer_index_add(index, NULL, 3));
    FAILS(INVALID_ARGUMENT, "vectors: ", wgformer_index_add(index, vectors, SIZE_MAX));
    FAILS(INVALID_ARGUMENT, "vector 0", wgformer_index_add(index, not_finite, 1));
    CHECK(wgformer_index_count(index) == 0);
    SUCCEEDS(wgformer_index_add(index, vectors, 3));
    SUCCEEDS(wgformer_index_add(index, NULL, 0));
    CHECK(wgformer_index_count(index) == 3 && wgformer_index_dimensions(index) == 2);

    /* What is added by one handle is its own. */
    other = wgformer_index_clone(index);
    SUCCEEDS(wgformer_index_add(other, vectors, 1));
    CHECK(wgformer_index_count(other) == 4 && wgformer_index_count(index) == 3);
    wgformer_index_free(other);

    FAILS(INVALID_ARGUMENT, "hits is null", wgformer_index_search(index, vectors, 1, 1, NULL));
    FAILS(INVALID_ARGUMENT, "queries is null", wgformer_index_search(index, NULL, 1, 1, &hits));
    FAILS(INVALID_ARGUMENT, "query 0", wgformer_index_search(index, not_finite, 1, 1, &hits));
    CHECK(hits == NULL);
    FAILS(INVALID_ARGUMENT, "path is null", wgformer_index_save(index, NULL));
    FAILS(INVALID_ARGUMENT, "path is not UTF-8", wgformer_index_save(index, "\xff"));
    FAILS(IO, "no/folder", wgformer_index_save(index, "no/folder/index"));
    FAILS(INVALID_ARGUMENT, "recovered is null", wgformer_index_recover(index, gpu, NULL));
    FAILS(INVALID_ARGUMENT, "gpu is null", wgformer_index_recover(index, NULL, &other));
    CHECK(other == NULL);
    wgformer_memory memory;
    FAILS(INVALID_ARGUMENT, "memory is null", wgformer_index_memory(index, NULL));
    SUCCEEDS(wgformer_index_upload(index));
    SUCCEEDS(wgformer_index_memory(index, &memory));
    CHECK(memory.weights > 0);

    SUCCEEDS(wgformer_index_save(index, file));
    wgformer_index_options *options = wgformer_index_options_new();
    SUCCEEDS(wgformer_index_options_set_metric(options, WGFORMER_METRIC_DOT_PRODUCT));
    FAILS(UNSUPPORTED, "dot product", wgformer_index_load(gpu, file, options, &other));
    wgformer_index_options_free(options);
    return index;
}

/* Whatever was freed before. */
static void hits_stay(wgformer_index *index)
{
    const float query[2] = {0.1f, 5};
    wgformer_hits *hits;
    SUCCEEDS(wgformer_index_search(index, query, 1, SIZE_MAX, &hits));
    wgformer_index_free(index);
    CHECK(wgformer_hits_count(hits) == 3);
    const wgformer_hit *it = wgformer_hits_get(hits, 0);
    CHECK(it->query == 0 && it->index == 1 && it->score > 0.99f);
    CHECK(wgformer_hits_get(hits, 2)->index == 0);
    ENDS(hits);
}

int main(int count, char **arguments)
{
    CHECK(count == 6);
    headless = arguments[1];
    const char *file = arguments[5];
    wrong_options_are_refused();
    lists_of_null_are_empty();
    check_precision();
    SUCCEEDS(wgformer_gpu_new(&gpu));
    options_that_the_model_does_not_do_are_refused(arguments[2], arguments[3]);
    LOADS_WHAT_IT_IS_FOR(sparse_embedder, UNSUPPORTED);
    LOADS_WHAT_IT_IS_FOR(late_interaction, UNSUPPORTED);

    wgformer_text texts[2] = {
        text("a cat"),
        text("no no no no no no no no no no no no no no no no no no no no no no no no no no no no no "
             "no no no no no no no no no no no no no no no no no no no no no no no no no no no no"),
    };
    check_embeddings(texts);
    long_texts_are_refused_by_name(texts);
    vectors_of_tokens_come_as_lists(texts, arguments[2]);
    check_prompts(arguments[2]);
    check_passages(texts[1]);
    check_sparse_embedder(arguments[3], texts);
    check_late_interaction(arguments[4], texts);
    wrong_indexes_are_refused(file);
    what_does_not_fit_the_budget_is_not_added();
    wgformer_index *index = check_index(file);
    wgformer_gpu_free(gpu);
    hits_stay(index);
    return 0;
}
