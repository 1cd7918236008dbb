/* Asks three models about a text: which label it has, what it names, and for the answer to a question.
 *
 * They are small models of this repository's tests, which learned nothing: put folders of your own here.
 * `make c-example` compiles and runs it; scripts/c-example.sh has the commands. */

#include "wgformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says what failed, on standard error; whether all was well. */
static bool succeeded(wgformer_status status, const char *action)
{
    if (status != WGFORMER_STATUS_OK) {
        fprintf(stderr, "%s: %s (status %d)\n", action, wgformer_last_error_message(), (int)status);
    }
    return status == WGFORMER_STATUS_OK;
}

/* The scores of all labels come in the labels' order. */
static bool show_labels(const wgformer_gpu *gpu, wgformer_text text)
{
    wgformer_classifier *classifier = NULL;
    float *scores = NULL;
    bool well = succeeded(
        wgformer_classifier_load(gpu, "tests/data/tasks/sentiment", NULL, &classifier),
        "load a classifier");
    size_t labels = wgformer_classifier_label_count(classifier);
    if (well) {
        scores = malloc(labels * sizeof *scores);
        well = scores != NULL
            && succeeded(wgformer_classifier_classify(classifier, &text, NULL, 1, scores, labels),
                         "classify");
    }
    for (size_t i = 0; well && i < labels; i++) {
        printf("label %s: %.3f\n", wgformer_classifier_label(classifier, i), scores[i]);
    }
    free(scores);
    wgformer_classifier_free(classifier);
    return well;
}

/* As many entities as there are come as a list. */
static bool show_entities(const wgformer_gpu *gpu, wgformer_text text)
{
    wgformer_tagger *tagger = NULL;
    wgformer_entities *entities = NULL;
    bool well = succeeded(wgformer_tagger_load(gpu, "tests/data/spans/bert-tags", NULL, &tagger),
                          "load a tagger")
        && succeeded(wgformer_tagger_tag(tagger, &text, NULL, 1, NULL, &entities), "tag");
    for (size_t i = 0; i < wgformer_entities_count(entities); i++) {
        const wgformer_entity *it = wgformer_entities_get(entities, i);
        printf("entity %s: \"%s\", characters %zu to %zu, %.3f\n", it->label, it->text, it->start,
               it->end, it->score);
    }
    wgformer_entities_free(entities);
    wgformer_tagger_free(tagger);
    return well;
}

static bool show_answers(const wgformer_gpu *gpu, wgformer_text question, wgformer_text context)
{
    wgformer_answerer *answerer = NULL;
    wgformer_answers *answers = NULL;
    wgformer_answer_options *options = wgformer_answer_options_new();
    bool well = succeeded(
                    wgformer_answerer_load(gpu, "tests/data/spans/bert-answers", NULL, &answerer),
                    "load a model for answers")
        && succeeded(wgformer_answer_options_set_top_k(options, 2), "set an option")
        && succeeded(
               wgformer_answerer_answer(answerer, &question, &context, 1, options, &answers),
               "answer");
    for (size_t i = 0; i < wgformer_answers_count(answers); i++) {
        const wgformer_answer *it = wgformer_answers_get(answers, i);
        printf("answer \"%s\", characters %zu to %zu, %.3f\n", it->text, it->start, it->end,
               it->score);
    }
    wgformer_answers_free(answers);
    wgformer_answer_options_free(options);
    wgformer_answerer_free(answerer);
    return well;
}

static wgformer_text text(const char *string)
{
    wgformer_text result = {string, strlen(string)};
    return result;
}

int main(void)
{
    wgformer_gpu *gpu = NULL;
    wgformer_text story = text("Ada met Charles in London.");
    bool well = succeeded(wgformer_gpu_new(&gpu), "open a GPU") && show_labels(gpu, story)
        && show_entities(gpu, story) && show_answers(gpu, text("Where did they meet?"), story);
    wgformer_gpu_free(gpu);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
