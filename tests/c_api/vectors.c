/* The vectors of some texts, with each option in turn.
 *
 * vectors MODEL TEXT... writes lines of bits in hexadecimal: one for the model's own options, then one for each type of
 * weights, each pooling, normalised or not, and a batch of few tokens. */

#include "check.h"

static size_t count;
static wgformer_text *texts;
static wgformer_gpu *gpu;
static const char *model;

static void write_vectors(const wgformer_embedder_options *options)
{
    wgformer_embedder *embedder;
    SUCCEEDS(wgformer_embedder_load(gpu, model, options, &embedder));
    size_t floats = count * wgformer_embedder_dimensions(embedder);
    float *vectors = malloc(floats * sizeof *vectors);
    CHECK(vectors != NULL);
    SUCCEEDS(wgformer_embedder_embed(embedder, texts, count, vectors, floats));
    for (size_t i = 0; i < floats; i++) {
        printf("%08lx", bits(vectors[i]));
    }
    printf("\n");
    free(vectors);
    wgformer_embedder_free(embedder);
}

static void write_with_each_option(void)
{
    wgformer_dtype dtypes[] = {WGFORMER_DTYPE_F32, WGFORMER_DTYPE_F16, WGFORMER_DTYPE_INT8};
    for (size_t i = 0; i < 3; i++) {
        wgformer_embedder_options *options = wgformer_embedder_options_new();
        SUCCEEDS(wgformer_embedder_options_set_dtype(options, dtypes[i]));
        write_vectors(options);
        wgformer_embedder_options_free(options);
    }
    wgformer_pooling poolings[] = {WGFORMER_POOLING_MEAN, WGFORMER_POOLING_MAX,
                                   WGFORMER_POOLING_CLS, WGFORMER_POOLING_LAST};
    for (size_t i = 0; i < 4; i++) {
        for (int normalize = 0; normalize < 2; normalize++) {
            wgformer_embedder_options *options = wgformer_embedder_options_new();
            SUCCEEDS(wgformer_embedder_options_set_pooling(options, poolings[i]));
            SUCCEEDS(wgformer_embedder_options_set_normalize(options, normalize != 0));
            write_vectors(options);
            wgformer_embedder_options_free(options);
        }
    }
    wgformer_embedder_options *options = wgformer_embedder_options_new();
    SUCCEEDS(wgformer_embedder_options_set_batch_tokens(options, 5));
    write_vectors(options);
    wgformer_embedder_options_free(options);
}

int main(int argument_count, char **arguments)
{
    CHECK(argument_count > 2);
    model = arguments[1];
    count = (size_t)argument_count - 2;
    texts = malloc(count * sizeof *texts);
    CHECK(texts != NULL);
    for (size_t i = 0; i < count; i++) {
        texts[i] = text(arguments[i + 2]);
    }
    SUCCEEDS(wgformer_gpu_new(&gpu));
    write_vectors(NULL);
    write_with_each_option();
    wgformer_gpu_free(gpu);
    free(texts);
    return 0;
}
