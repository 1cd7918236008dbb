/* Vectors, with their options, and what is done with them.
 *
 * retrieval EMBEDDER SPLADE LEXICAL LATE FILE TEXT... writes a line for each result, numbers as bits in hexadecimal: the
 * first text is the query too, the last is split into passages, and an index is kept in the file. */

#include "check.h"

#define MOST 16

static wgformer_gpu *gpu;
static size_t count;
static wgformer_text texts[MOST];

static void write_list(const char *kind, const wgformer_embeddings *embeddings, size_t dimensions)
{
    for (size_t i = 0; i < wgformer_embeddings_count(embeddings); i++) {
        const wgformer_embedding *it = wgformer_embeddings_get(embeddings, i);
        printf("%s %zu %d", kind, it->tokens, it->is_cut);
        write_bits(it->vectors.values, it->vectors.count * dimensions);
        printf("\n");
    }
}

static void write_embeddings(const char *kind, const wgformer_embedder *embedder)
{
    wgformer_embeddings *embeddings;
    SUCCEEDS(wgformer_embedder_embeddings(embedder, texts, count, &embeddings));
    write_list(kind, embeddings, wgformer_embedder_dimensions(embedder));
    wgformer_embeddings_free(embeddings);
}

static void write_prompted(const wgformer_embedder *embedder)
{
    wgformer_prompts *prompts;
    SUCCEEDS(wgformer_embedder_prompts(embedder, &prompts));
    for (size_t i = 0; i < wgformer_prompts_count(prompts); i++) {
        const wgformer_prompt *it = wgformer_prompts_get(prompts, i);
        printf("prompt %s %s\n", it->name, it->text);
    }
    wgformer_prompts_free(prompts);

    wgformer_embedder *others[3];
    SUCCEEDS(wgformer_embedder_with_prompt(embedder, "query", &others[0]));
    SUCCEEDS(wgformer_embedder_for_queries(embedder, &others[1]));
    SUCCEEDS(wgformer_embedder_for_documents(others[0], &others[2]));
    for (size_t i = 0; i < 3; i++) {
        write_embeddings("prompted", others[i]);
        wgformer_embedder_free(others[i]);
    }
}

static void write_passages(const wgformer_embedder *embedder)
{
    wgformer_passages *passages;
    SUCCEEDS(wgformer_embedder_passages(embedder, texts[count - 1], 3, &passages));
    for (size_t i = 0; i < wgformer_passages_count(passages); i++) {
        const wgformer_passage *it = wgformer_passages_get(passages, i);
        printf("passage %zu-%zu %.*s\n", it->start, it->end, (int)it->text.length, it->text.data);
    }
    wgformer_passages_free(passages);
}

static float *embedded(const wgformer_embedder *embedder)
{
    size_t floats = count * wgformer_embedder_dimensions(embedder);
    float *vectors = malloc(floats * sizeof *vectors);
    CHECK(vectors != NULL);
    SUCCEEDS(wgformer_embedder_embed(embedder, texts, count, vectors, floats));
    return vectors;
}

static void write_rounded(const wgformer_embedder *embedder)
{
    size_t dimensions = wgformer_embedder_dimensions(embedder);
    float *vectors = embedded(embedder);
    size_t total = count * dimensions, bytes_total = count * ((dimensions + 7) / 8);
    int8_t *integers = malloc(total);
    uint8_t *bytes = malloc(bytes_total);
    CHECK(integers != NULL && bytes != NULL);
    SUCCEEDS(wgformer_to_int8(vectors, count, dimensions, integers, total));
    SUCCEEDS(wgformer_to_ubinary(vectors, count, dimensions, bytes, bytes_total));
    printf("int8");
    for (size_t i = 0; i < total; i++) {
        printf(" %d", integers[i]);
    }
    printf("\nubinary");
    for (size_t i = 0; i < bytes_total; i++) {
        printf(" %d", bytes[i]);
    }
    printf("\n");
    free(bytes);
    free(integers);
    free(vectors);
}

/* One option after another, each on top of those before. */
static void embed_with_each_option(const char *model)
{
    wgformer_embedder *embedder;
    wgformer_embedder_options *options = wgformer_embedder_options_new();
    for (int step = 0; step < 8; step++) {
        switch (step) {
        case 1:
            SUCCEEDS(wgformer_embedder_options_set_prompt(options, "query"));
            break;
        case 2:
            SUCCEEDS(wgformer_embedder_options_set_pooling(options, WGFORMER_POOLING_MEAN_SQRT_LEN));
            SUCCEEDS(wgformer_embedder_options_set_normalize(options, false));
            break;
        case 3:
            SUCCEEDS(wgformer_embedder_options_set_pooling(options, WGFORMER_POOLING_WEIGHTED_MEAN));
            break;
        case 4:
            SUCCEEDS(wgformer_embedder_options_set_normalize(options, true));
            break;
        case 5:
            SUCCEEDS(wgformer_embedder_options_set_dimensions(options, 8));
            break;
        case 6:
            SUCCEEDS(wgformer_embedder_options_set_per_token(options, true));
            break;
        case 7:
            SUCCEEDS(wgformer_embedder_options_set_memory_budget(options, 64 << 20));
            break;
        }
        SUCCEEDS(wgformer_embedder_load(gpu, model, options, &embedder));
        write_embeddings("option", embedder);
        wgformer_embedder_free(embedder);
    }
    wgformer_embedder_options_free(options);
}

/* With as much memory as allows a single run. */
static void embed_within(const char *model, uint64_t memory_budget)
{
    wgformer_embedder *embedder;
    wgformer_embedder_options *options = wgformer_embedder_options_new();
    SUCCEEDS(wgformer_embedder_options_set_memory_budget(options, memory_budget));
    SUCCEEDS(wgformer_embedder_load(gpu, model, options, &embedder));
    write_embeddings("within", embedder);
    wgformer_embedder_free(embedder);
    wgformer_embedder_options_free(options);
}

static void write_hits(const wgformer_index *index, const float *queries)
{
    wgformer_hits *hits;
    wgformer_memory memory;
    SUCCEEDS(wgformer_index_search(index, queries, count, 3, &hits));
    printf("index %zu %zu %d\n", wgformer_index_count(index), wgformer_index_dimensions(index),
           (int)wgformer_index_metric(index));
    for (size_t i = 0; i < wgformer_hits_count(hits); i++) {
        const wgformer_hit *it = wgformer_hits_get(hits, i);
        printf("hit %zu %zu %08lx\n", it->query, it->index, bits(it->score));
    }
    wgformer_hits_free(hits);
    SUCCEEDS(wgformer_index_memory(index, &memory));
    write_memory("index", memory);
}

static void search_with(const float *vectors, size_t dimensions, const char *file,
                        const wgformer_index_options *options)
{
    wgformer_index *index, *other;
    wgformer_memory memory;
    SUCCEEDS(wgformer_index_memory_needed(gpu, dimensions, count, 3, options, &memory));
    write_memory("needed", memory);
    SUCCEEDS(wgformer_index_new(gpu, dimensions, options, &index));
    SUCCEEDS(wgformer_index_add(index, vectors, count));
    SUCCEEDS(wgformer_index_upload(index));
    SUCCEEDS(wgformer_index_memory(index, &memory));
    write_memory("uploaded", memory);
    write_hits(index, vectors);
    SUCCEEDS(wgformer_index_save(index, file));

    wgformer_gpu *another;
    SUCCEEDS(wgformer_gpu_new(&another));
    SUCCEEDS(wgformer_index_recover(index, another, &other));
    wgformer_index_free(index);
    wgformer_gpu_free(another);
    write_hits(other, vectors);
    wgformer_index_free(other);

    SUCCEEDS(wgformer_index_load(gpu, file, options, &other));
    write_hits(other, vectors);
    wgformer_index_free(other);
}

static void search(const wgformer_embedder *embedder, const char *file)
{
    size_t dimensions = wgformer_embedder_dimensions(embedder);
    float *vectors = embedded(embedder);
    search_with(vectors, dimensions, file, NULL);
    wgformer_dtype dtypes[] = {WGFORMER_DTYPE_F32, WGFORMER_DTYPE_F16, WGFORMER_DTYPE_INT8};
    for (size_t i = 0; i < 3; i++) {
        wgformer_index_options *options = wgformer_index_options_new();
        SUCCEEDS(wgformer_index_options_set_dtype(options, dtypes[i]));
        SUCCEEDS(wgformer_index_options_set_metric(options, WGFORMER_METRIC_DOT_PRODUCT));
        SUCCEEDS(wgformer_index_options_set_memory_budget(options, 16 << 20));
        search_with(vectors, dimensions, file, options);
        wgformer_index_options_free(options);
    }
    free(vectors);
}

static void embed(const char *model, const char *file)
{
    wgformer_embedder *embedder;
    wgformer_metric metric;
    wgformer_memory memory;
    SUCCEEDS(wgformer_embedder_load(gpu, model, NULL, &embedder));
    SUCCEEDS(wgformer_embedder_metric(embedder, &metric));
    printf("metric %d\n", (int)metric);
    MAKE_READY(embedder, embedder);
    SUCCEEDS(wgformer_embedder_memory(embedder, &memory));
    write_prompted(embedder);
    write_passages(embedder);
    write_rounded(embedder);
    search(embedder, file);
    wgformer_embedder_free(embedder);
    embed_with_each_option(model);
    embed_within(model, memory.total);
}

static void write_weights(const wgformer_sparse_embedder *embedder)
{
    wgformer_sparse_embeddings *embeddings;
    SUCCEEDS(wgformer_sparse_embedder_embed(embedder, texts, count, &embeddings));
    for (size_t i = 0; i < wgformer_sparse_embeddings_count(embeddings); i++) {
        const wgformer_sparse_embedding *it = wgformer_sparse_embeddings_get(embeddings, i);
        printf("sparse %zu %d", it->tokens, it->is_cut);
        for (size_t place = 0; place < it->count; place++) {
            printf(" %lu:%08lx:%s", (unsigned long)it->ids[place], bits(it->weights[place]),
                   it->entries[place]);
        }
        printf("\n");
    }
    wgformer_sparse_embeddings_free(embeddings);
}

static void embed_sparse(const char *model, bool has_prompts)
{
    wgformer_sparse_embedder *embedder, *prompted;
    wgformer_model_options *options = wgformer_model_options_new();
    SUCCEEDS(wgformer_model_options_set_memory_budget(options, 64 << 20));
    SUCCEEDS(wgformer_sparse_embedder_load(gpu, model, options, &embedder));
    wgformer_model_options_free(options);
    MAKE_READY(sparse_embedder, embedder);
    write_weights(embedder);
    if (has_prompts) {
        SUCCEEDS(wgformer_sparse_embedder_with_prompt(embedder, "query", &prompted));
        write_weights(prompted);
        wgformer_sparse_embedder_free(prompted);
    }
    wgformer_sparse_embedder_free(embedder);
}

static void write_scores(const float *scores)
{
    printf("scores");
    write_bits(scores, count);
    printf("\n");
}

static void compare_late(const char *model)
{
    wgformer_late_interaction *late;
    SUCCEEDS(wgformer_late_interaction_load(gpu, model, NULL, &late));
    MAKE_READY(late_interaction, late);
    size_t dimensions = wgformer_late_interaction_dimensions(late);
    wgformer_embeddings *queries, *documents;
    SUCCEEDS(
        wgformer_late_interaction_embed(late, WGFORMER_SIDE_QUERY, texts, count, &queries));
    write_list("query", queries, dimensions);
    SUCCEEDS(
        wgformer_late_interaction_embed(late, WGFORMER_SIDE_DOCUMENT, texts, count, &documents));
    write_list("document", documents, dimensions);

    float scores[MOST];
    SUCCEEDS(wgformer_late_interaction_score(late, texts[0], texts, count, scores, MOST));
    write_scores(scores);
    wgformer_vectors kept[MOST];
    for (size_t i = 0; i < count; i++) {
        kept[i] = wgformer_embeddings_get(documents, i)->vectors;
    }
    wgformer_vectors query = wgformer_embeddings_get(queries, 1)->vectors;
    SUCCEEDS(wgformer_late_interaction_score_vectors(late, query, kept, count, scores, MOST));
    write_scores(scores);
    wgformer_embeddings_free(documents);
    wgformer_embeddings_free(queries);
    wgformer_late_interaction_free(late);
}

int main(int argument_count, char **arguments)
{
    char **words = arguments + 6;
    CHECK(argument_count > 7 && argument_count <= 6 + MOST);
    count = (size_t)argument_count - 6;
    for (size_t i = 0; i < count; i++) {
        texts[i] = text(words[i]);
    }
    SUCCEEDS(wgformer_gpu_new(&gpu));
    embed(arguments[1], arguments[5]);
    embed_sparse(arguments[2], true);
    embed_sparse(arguments[3], false);
    compare_late(arguments[3]);
    compare_late(arguments[4]);
    wgformer_gpu_free(gpu);
    return 0;
}
