/* Frees none of ten handles, nor, where a model is named, one that threads of the engine work for: what the other
 * programs must not do, for the leak checker to see. */

#include "check.h"

static void forget_embedder(const char *model)
{
    wgformer_gpu *gpu = NULL;
    wgformer_embedder *embedder = NULL;
    SUCCEEDS(wgformer_gpu_new(&gpu));
    SUCCEEDS(wgformer_embedder_load(gpu, model, NULL, &embedder));
    size_t floats = wgformer_embedder_dimensions(embedder);
    float *vector = malloc(floats * sizeof *vector);
    CHECK(vector != NULL);
    wgformer_text cat = text("a cat");
    SUCCEEDS(wgformer_embedder_embed(embedder, &cat, 1, vector, floats));
    free(vector);
    wgformer_gpu_free(gpu); /* which the embedder holds too */
}

int main(int count, char **arguments)
{
    for (int i = 0; i < 10; i++) {
        (void)wgformer_embedder_options_new();
    }
    if (count > 1) {
        forget_embedder(arguments[1]);
    }
    return 0;
}
