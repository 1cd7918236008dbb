/* Every function of the tasks keeps its word, for right and for wrong arguments.
 *
 * task_contract HEADLESS CLASSIFIER INFERENCE RERANKER TAGGER ANSWERER FILLER: seven folders, the first of a model without
 * a head */

#include "contract.h"

#define ROOM 100

static void wrong_options_are_refused(void)
{
    wgformer_model_options *model = wgformer_model_options_new();
    FAILS(INVALID_ARGUMENT, "dtype is 3, which is no WGFORMER_DTYPE_*",
          wgformer_model_options_set_dtype(model, 3));
    FAILS(INVALID_ARGUMENT, "batch_tokens is 0",
          wgformer_model_options_set_batch_tokens(model, 0));
    FAILS(INVALID_ARGUMENT, "options is null", wgformer_model_options_set_batch_tokens(NULL, 1));
    FAILS(INVALID_ARGUMENT, "options is null", wgformer_model_options_set_memory_budget(NULL, 1));
    wgformer_model_options_free(model);
    wgformer_model_options_free(NULL);

    wgformer_tag_options *tag = wgformer_tag_options_new();
    FAILS(INVALID_ARGUMENT, "aggregation is 5, which is no WGFORMER_AGGREGATION_*",
          wgformer_tag_options_set_aggregation(tag, 5));
    FAILS(INVALID_ARGUMENT, "labels[0] is not UTF-8",
          wgformer_tag_options_set_ignore_labels(tag, &NOT_UTF8, 1));
    FAILS(INVALID_ARGUMENT, "labels is null", wgformer_tag_options_set_ignore_labels(tag, NULL, 1));
    SUCCEEDS(wgformer_tag_options_set_ignore_labels(tag, NULL, 0));
    wgformer_tag_options_free(tag);
    wgformer_tag_options_free(NULL);

    wgformer_zero_shot_options *zero_shot = wgformer_zero_shot_options_new();
    FAILS(INVALID_ARGUMENT, "template is null, and 5 are needed",
          wgformer_zero_shot_options_set_template(zero_shot, NO_BYTES));
    wgformer_zero_shot_options_free(zero_shot);
    wgformer_zero_shot_options_free(NULL);

    FAILS(INVALID_ARGUMENT, "options is null", wgformer_answer_options_set_top_k(NULL, 1));
    wgformer_answer_options_free(NULL);
}

static void lists_of_null_are_empty(void)
{
    IGNORES_NULL(entities);
    IGNORES_NULL(answers);
    IGNORES_NULL(fillings);
    IGNORES_NULL(sentences);
}

static void models_of_another_kind_are_refused(char **folders)
{
    LOADS_WHAT_IT_IS_FOR(classifier, MALFORMED);
    LOADS_WHAT_IT_IS_FOR(zero_shot, MALFORMED);
    LOADS_WHAT_IT_IS_FOR(reranker, MALFORMED);
    LOADS_WHAT_IT_IS_FOR(tagger, MALFORMED);
    LOADS_WHAT_IT_IS_FOR(answerer, MALFORMED);
    LOADS_WHAT_IT_IS_FOR(filler, MALFORMED);
    wgformer_zero_shot *zero_shot;
    FAILS(INVALID_ARGUMENT, "entail", wgformer_zero_shot_load(gpu, folders[1], NULL, &zero_shot));
    wgformer_reranker *reranker;
    FAILS(INVALID_ARGUMENT, "has 3 labels",
          wgformer_reranker_load(gpu, folders[1], NULL, &reranker));
}

static void check_untouched(const float *scores)
{
    for (size_t i = 0; i < ROOM; i++) {
        CHECK(scores[i] == 7);
    }
}

static void check_classifier(const char *folder, const wgformer_text *texts, float *scores)
{
    LOAD(classifier, folder);
    CHECK(wgformer_classifier_label_count(NULL) == 0);
    CHECK(wgformer_classifier_label(NULL, 0) == NULL);
    CHECK(wgformer_classifier_label_count(classifier) == 3);
    CHECK(strcmp(wgformer_classifier_label(classifier, 0), "negative") == 0);
    CHECK(wgformer_classifier_label(classifier, 3) == NULL);

    wgformer_text pairs[2] = {texts[0], NOT_UTF8};
    FAILS(INVALID_ARGUMENT, "classifier is null",
          wgformer_classifier_classify(NULL, texts, NULL, 2, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "texts is null, and 2 are needed",
          wgformer_classifier_classify(classifier, NULL, NULL, 2, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "pairs[1] is not UTF-8",
          wgformer_classifier_classify(classifier, texts, pairs, 2, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "scores is null, and 6 are needed",
          wgformer_classifier_classify(classifier, texts, NULL, 2, NULL, ROOM));
    FAILS(INVALID_ARGUMENT, "capacity is 5 floats, and scores need 2 times 3",
          wgformer_classifier_classify(classifier, texts, NULL, 2, scores, 5));
    check_untouched(scores);
    SUCCEEDS(wgformer_classifier_classify(classifier, NULL, NULL, 0, NULL, 0));
    SUCCEEDS(wgformer_classifier_classify(classifier, texts, NULL, 2, scores, 6));
    CHECK(scores[5] != 7 && scores[6] == 7);
    IS_MADE_READY(classifier);
    wgformer_classifier_free(classifier);
}

static void check_zero_shot(const char *folder, const wgformer_text *texts, float *scores)
{
    LOAD(zero_shot, folder);
    FAILS(INVALID_ARGUMENT, "zero_shot is null",
          wgformer_zero_shot_classify(NULL, texts, 2, texts, 2, NULL, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "labels is null, and 2 are needed",
          wgformer_zero_shot_classify(zero_shot, texts, 2, NULL, 2, NULL, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "labels",
          wgformer_zero_shot_classify(zero_shot, texts, 2, NULL, 0, NULL, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "capacity is 3 floats, and scores need 2 times 2",
          wgformer_zero_shot_classify(zero_shot, texts, 2, texts, 2, NULL, scores, 3));
    wgformer_zero_shot_options *options = wgformer_zero_shot_options_new();
    SUCCEEDS(wgformer_zero_shot_options_set_template(options, texts[0]));
    FAILS(INVALID_ARGUMENT, "template",
          wgformer_zero_shot_classify(zero_shot, texts, 2, texts, 2, options, scores, ROOM));
    wgformer_zero_shot_options_free(options);
    check_untouched(scores);
    SUCCEEDS(wgformer_zero_shot_classify(zero_shot, texts, 2, texts + 1, 1, NULL, scores, 2));
    CHECK(scores[1] != 7 && scores[2] == 7);
    IS_MADE_READY(zero_shot);
    wgformer_zero_shot_free(zero_shot);
}

static void check_reranker(const char *folder, const wgformer_text *texts, float *scores)
{
    LOAD(reranker, folder);
    FAILS(INVALID_ARGUMENT, "reranker is null",
          wgformer_reranker_score(NULL, texts[0], texts, 2, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "query is not UTF-8",
          wgformer_reranker_score(reranker, NOT_UTF8, texts, 2, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "texts is null",
          wgformer_reranker_score(reranker, texts[0], NULL, 2, scores, ROOM));
    FAILS(INVALID_ARGUMENT, "capacity is 1 floats, and scores need 2 times 1",
          wgformer_reranker_score(reranker, texts[0], texts, 2, scores, 1));
    check_untouched(scores);
    SUCCEEDS(wgformer_reranker_score(reranker, texts[0], texts, 2, scores, 2));
    CHECK(scores[1] != 7 && scores[2] == 7);
    IS_MADE_READY(reranker);
    wgformer_reranker_free(reranker);
}

static void check_tagger(const char *folder, const wgformer_text *texts)
{
    LOAD(tagger, folder);
    wgformer_entities *entities;
    FAILS(INVALID_ARGUMENT, "entities is null", wgformer_tagger_tag(tagger, texts, NULL, 2, NULL, NULL));
    FAILS(INVALID_ARGUMENT, "tagger is null", wgformer_tagger_tag(NULL, texts, NULL, 2, NULL, &entities));
    CHECK(entities == NULL);
    FAILS(INVALID_ARGUMENT, "texts[0] is null, and 5 are needed",
          wgformer_tagger_tag(tagger, &NO_BYTES, NULL, 1, NULL, &entities));
    SUCCEEDS(wgformer_tagger_tag(tagger, NULL, NULL, 0, NULL, &entities));
    CHECK(entities != NULL && wgformer_entities_count(entities) == 0);
    wgformer_entities_free(entities);
    SUCCEEDS(wgformer_tagger_tag(tagger, texts, NULL, 2, NULL, &entities));
    IS_MADE_READY(tagger);
    wgformer_tagger_free(tagger);
    ENDS(entities);
}

static void check_answerer(const char *folder, const wgformer_text *texts)
{
    LOAD(answerer, folder);
    wgformer_answers *answers;
    FAILS(INVALID_ARGUMENT, "answers is null",
          wgformer_answerer_answer(answerer, texts, texts, 2, NULL, NULL));
    FAILS(INVALID_ARGUMENT, "answerer is null",
          wgformer_answerer_answer(NULL, texts, texts, 2, NULL, &answers));
    FAILS(INVALID_ARGUMENT, "questions is null",
          wgformer_answerer_answer(answerer, NULL, texts, 2, NULL, &answers));
    FAILS(INVALID_ARGUMENT, "contexts is null",
          wgformer_answerer_answer(answerer, texts, NULL, 2, NULL, &answers));
    wgformer_answer_options *options = wgformer_answer_options_new();
    SUCCEEDS(wgformer_answer_options_set_max_seq_len(options, 1));
    FAILS(LIMIT, "question 0",
          wgformer_answerer_answer(answerer, texts, texts, 2, options, &answers));
    wgformer_answer_options_free(options);
    CHECK(answers == NULL);
    SUCCEEDS(wgformer_answerer_answer(answerer, texts, texts, 2, NULL, &answers));
    IS_MADE_READY(answerer);
    wgformer_answerer_free(answerer);
    ENDS(answers);
}

static void check_filler(const char *folder, const wgformer_text *texts)
{
    LOAD(filler, folder);
    wgformer_fillings *fillings;
    FAILS(INVALID_ARGUMENT, "fillings is null", wgformer_filler_fill(filler, texts, NULL, 2, 3, NULL));
    FAILS(INVALID_ARGUMENT, "filler is null", wgformer_filler_fill(NULL, texts, NULL, 2, 3, &fillings));
    FAILS(INVALID_ARGUMENT, "texts is null", wgformer_filler_fill(filler, NULL, NULL, 2, 3, &fillings));
    FAILS(INVALID_ARGUMENT, "text 1: ", wgformer_filler_fill(filler, texts, NULL, 2, 3, &fillings));
    CHECK(strstr(wgformer_last_error_message(), "has no [MASK]") != NULL);
    CHECK(fillings == NULL);
    SUCCEEDS(wgformer_filler_fill(filler, texts, NULL, 1, 0, &fillings));
    CHECK(wgformer_fillings_count(fillings) == 0);
    wgformer_fillings_free(fillings);
    SUCCEEDS(wgformer_filler_fill(filler, texts, NULL, 1, SIZE_MAX, &fillings));
    IS_MADE_READY(filler);
    wgformer_filler_free(filler);
    ENDS(fillings);
}

static void check_summaries(const wgformer_text *texts)
{
    LOAD(embedder, headless);
    wgformer_sentences *sentences;
    FAILS(INVALID_ARGUMENT, "sentences is null",
          wgformer_embedder_summarize(embedder, texts[0], 1, NULL));
    FAILS(INVALID_ARGUMENT, "embedder is null",
          wgformer_embedder_summarize(NULL, texts[0], 1, &sentences));
    FAILS(INVALID_ARGUMENT, "text is not UTF-8",
          wgformer_embedder_summarize(embedder, NOT_UTF8, 1, &sentences));
    CHECK(sentences == NULL);
    SUCCEEDS(wgformer_embedder_summarize(embedder, texts[0], 1, &sentences));
    IS_MADE_READY(embedder);
    wgformer_embedder_free(embedder);
    ENDS(sentences);
}

static float *room(void)
{
    float *scores = malloc(ROOM * sizeof *scores);
    CHECK(scores != NULL);
    for (size_t i = 0; i < ROOM; i++) {
        scores[i] = 7;
    }
    return scores;
}

int main(int count, char **arguments)
{
    CHECK(count == 8);
    headless = arguments[1];
    wrong_options_are_refused();
    lists_of_null_are_empty();
    SUCCEEDS(wgformer_gpu_new(&gpu));
    models_of_another_kind_are_refused(arguments + 1);

    wgformer_text texts[2] = {text("Ada [MASK] Charles in London."), text("no")};
    float *scores[3] = {room(), room(), room()};
    check_classifier(arguments[2], texts, scores[0]);
    check_zero_shot(arguments[3], texts, scores[1]);
    check_reranker(arguments[4], texts, scores[2]);
    check_tagger(arguments[5], texts);
    check_answerer(arguments[6], texts);
    check_filler(arguments[7], texts);
    check_summaries(texts);
    for (int i = 0; i < 3; i++) {
        free(scores[i]);
    }
    wgformer_gpu_free(gpu);
    return 0;
}
