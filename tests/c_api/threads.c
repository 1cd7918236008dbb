/* Four threads share a model and an index, by one handle and by one of their own, and each has its own last message.
 *
 * threads MODEL */

#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <pthread.h>

#define THREADS 4
#define RUNS 25

static const char *const TEXTS[THREADS] = {"a cat", "the dog", "two small words", "snow is not rain"};

struct job {
    const wgformer_embedder *shared;
    wgformer_embedder *own;
    wgformer_text text;
    float *expected;
    const wgformer_index *shared_index;
    wgformer_index *own_index;
    size_t place;
};

/* The nearest to a text's own vector is that. */
static void search(const wgformer_index *index, const struct job *job)
{
    wgformer_hits *hits;
    SUCCEEDS(wgformer_index_search(index, job->expected, 1, THREADS, &hits));
    CHECK(wgformer_hits_count(hits) == THREADS);
    CHECK(wgformer_hits_get(hits, 0)->index == job->place);
    wgformer_hits_free(hits);
}

static void embed_again(const struct job *job)
{
    size_t dimensions = wgformer_embedder_dimensions(job->own);
    float *vector = malloc(dimensions * sizeof *vector);
    CHECK(vector != NULL);
    for (int run = 0; run < RUNS; run++) {
        const wgformer_embedder *embedder = run % 2 == 0 ? job->shared : job->own;
        SUCCEEDS(wgformer_embedder_embed(embedder, &job->text, 1, vector, dimensions));
        CHECK(memcmp(vector, job->expected, dimensions * sizeof *vector) == 0);
        search(run % 2 == 0 ? job->shared_index : job->own_index, job);
    }
    free(vector);
}

static void *work(void *argument)
{
    struct job *job = argument;
    CHECK(strcmp(wgformer_last_error_message(), "") == 0);
    FAILS(INVALID_ARGUMENT, "capacity",
          wgformer_embedder_embed(job->shared, &job->text, 1, job->expected, 0));
    embed_again(job);
    CHECK(strstr(wgformer_last_error_message(), "capacity is 0 floats") != NULL);
    wgformer_embedder_free(job->own);
    wgformer_index_free(job->own_index);
    return NULL;
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    wgformer_gpu *gpu;
    wgformer_embedder *first;
    SUCCEEDS(wgformer_gpu_new(&gpu));
    SUCCEEDS(wgformer_embedder_load(gpu, arguments[1], NULL, &first));
    size_t dimensions = wgformer_embedder_dimensions(first);
    wgformer_index *index;
    SUCCEEDS(wgformer_index_new(gpu, dimensions, NULL, &index));
    wgformer_gpu_free(gpu);

    wgformer_embedder *shared = wgformer_embedder_clone(first);
    struct job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i].shared = shared;
        jobs[i].own = wgformer_embedder_clone(first);
        jobs[i].text = text(TEXTS[i]);
        jobs[i].expected = malloc(dimensions * sizeof(float));
        CHECK(jobs[i].expected != NULL);
        SUCCEEDS(wgformer_embedder_embed(first, &jobs[i].text, 1, jobs[i].expected, dimensions));
        SUCCEEDS(wgformer_index_add(index, jobs[i].expected, 1));
    }
    for (int i = 0; i < THREADS; i++) {
        jobs[i].shared_index = index;
        jobs[i].own_index = wgformer_index_clone(index);
        jobs[i].place = (size_t)i;
    }

    FAILS(INVALID_ARGUMENT, "gpu is null", wgformer_gpu_new(NULL));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
    }
    wgformer_embedder_free(first);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        free(jobs[i].expected);
    }
    wgformer_embedder_free(shared);
    wgformer_index_free(index);
    CHECK(strstr(wgformer_last_error_message(), "gpu is null") != NULL);
    return 0;
}
