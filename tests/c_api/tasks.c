/* What the tasks give, with their options.
 *
 * tasks CLASSIFIER INFERENCE RERANKER TAGGER ANSWERER FILLER EMBEDDER TEXT... writes a line for each result, its scores
 * as bits in hexadecimal: the second text is the query too, the texts in reverse the pairs and the contexts, and the last
 * has masks. */

#include "check.h"

#define MOST 16

static wgformer_gpu *gpu;
static size_t count;
static wgformer_text texts[MOST];
static wgformer_text reversed[MOST];

static void write_scores(const char *name, const float *scores, size_t rows, size_t columns)
{
    for (size_t row = 0; row < rows; row++) {
        printf("%s", name);
        for (size_t column = 0; column < columns; column++) {
            printf(" %08lx", bits(scores[row * columns + column]));
        }
        printf("\n");
    }
}

static void classify(const char *model, const wgformer_model_options *options)
{
    wgformer_classifier *classifier;
    SUCCEEDS(wgformer_classifier_load(gpu, model, options, &classifier));
    MAKE_READY(classifier, classifier);
    size_t labels = wgformer_classifier_label_count(classifier);
    for (size_t i = 0; i < labels; i++) {
        printf("label %s\n", wgformer_classifier_label(classifier, i));
    }
    float scores[MOST * MOST];
    SUCCEEDS(wgformer_classifier_classify(classifier, texts, NULL, count, scores, MOST * MOST));
    write_scores("text", scores, count, labels);
    SUCCEEDS(wgformer_classifier_classify(classifier, texts, reversed, count, scores, MOST * MOST));
    write_scores("pair", scores, count, labels);
    wgformer_classifier_free(classifier);
}

static void classify_with_each_option(const char *model)
{
    classify(model, NULL);
    wgformer_dtype dtypes[] = {WGFORMER_DTYPE_F32, WGFORMER_DTYPE_F16, WGFORMER_DTYPE_INT8};
    for (size_t i = 0; i < 3; i++) {
        wgformer_model_options *options = wgformer_model_options_new();
        SUCCEEDS(wgformer_model_options_set_dtype(options, dtypes[i]));
        classify(model, options);
        wgformer_model_options_free(options);
    }
    wgformer_model_options *options = wgformer_model_options_new();
    SUCCEEDS(wgformer_model_options_set_batch_tokens(options, 5));
    classify(model, options);
    wgformer_model_options_free(options);
}

/* Two labels have the same name. */
static void tell_any_labels_apart(const char *model)
{
    wgformer_zero_shot *zero_shot;
    SUCCEEDS(wgformer_zero_shot_load(gpu, model, NULL, &zero_shot));
    MAKE_READY(zero_shot, zero_shot);
    wgformer_text labels[] = {text("food"), text("animals"), text("food")};
    float scores[MOST * MOST];
    size_t floats = 3 * count;
    SUCCEEDS(wgformer_zero_shot_classify(zero_shot, texts, count, labels, 3, NULL, scores, floats));
    write_scores("one", scores, count, 3);
    wgformer_zero_shot_options *options = wgformer_zero_shot_options_new();
    SUCCEEDS(wgformer_zero_shot_options_set_template(options, text("It is {}?")));
    SUCCEEDS(wgformer_zero_shot_options_set_multi_label(options, true));
    SUCCEEDS(
        wgformer_zero_shot_classify(zero_shot, texts, count, labels, 3, options, scores, floats));
    write_scores("many", scores, count, 3);
    wgformer_zero_shot_options_free(options);
    wgformer_zero_shot_free(zero_shot);
}

static void rerank(const char *model)
{
    wgformer_reranker *reranker;
    SUCCEEDS(wgformer_reranker_load(gpu, model, NULL, &reranker));
    MAKE_READY(reranker, reranker);
    float scores[MOST];
    SUCCEEDS(wgformer_reranker_score(reranker, texts[1], texts, count, scores, MOST));
    write_scores("score", scores, count, 1);
    wgformer_reranker_free(reranker);
}

static void write_entities(const wgformer_tagger *tagger, const wgformer_text *pairs,
                           const wgformer_tag_options *options)
{
    wgformer_entities *entities;
    SUCCEEDS(wgformer_tagger_tag(tagger, texts, pairs, count, options, &entities));
    for (size_t i = 0; i < wgformer_entities_count(entities); i++) {
        const wgformer_entity *it = wgformer_entities_get(entities, i);
        printf("entity %zu %zu %zu-%zu %08lx %s %s\n", it->index, it->sequence, it->start, it->end,
               bits(it->score), it->label, it->text);
    }
    wgformer_entities_free(entities);
}

static void tag(const char *model)
{
    wgformer_tagger *tagger;
    SUCCEEDS(wgformer_tagger_load(gpu, model, NULL, &tagger));
    MAKE_READY(tagger, tagger);
    write_entities(tagger, NULL, NULL);
    write_entities(tagger, reversed, NULL);
    wgformer_aggregation aggregations[] = {
        WGFORMER_AGGREGATION_NONE,    WGFORMER_AGGREGATION_SIMPLE, WGFORMER_AGGREGATION_FIRST,
        WGFORMER_AGGREGATION_AVERAGE, WGFORMER_AGGREGATION_MAX,
    };
    wgformer_text ignored[] = {text("PER"), text("B-PER")};
    for (size_t i = 0; i < 5; i++) {
        wgformer_tag_options *options = wgformer_tag_options_new();
        SUCCEEDS(wgformer_tag_options_set_aggregation(options, aggregations[i]));
        write_entities(tagger, NULL, options);
        SUCCEEDS(wgformer_tag_options_set_ignore_labels(options, ignored, 2));
        write_entities(tagger, NULL, options);
        wgformer_tag_options_free(options);
    }
    wgformer_tagger_free(tagger);
}

static void write_answers(const wgformer_answerer *answerer, const wgformer_answer_options *options)
{
    wgformer_answers *answers;
    SUCCEEDS(wgformer_answerer_answer(answerer, texts, reversed, count, options, &answers));
    for (size_t i = 0; i < wgformer_answers_count(answers); i++) {
        const wgformer_answer *it = wgformer_answers_get(answers, i);
        printf("answer %zu %zu-%zu %08lx %s\n", it->index, it->start, it->end, bits(it->score),
               it->text);
    }
    wgformer_answers_free(answers);
}

/* One option after another, each on top of those before. */
static void answer(const char *model)
{
    wgformer_answerer *answerer;
    SUCCEEDS(wgformer_answerer_load(gpu, model, NULL, &answerer));
    MAKE_READY(answerer, answerer);
    write_answers(answerer, NULL);
    wgformer_answer_options *options = wgformer_answer_options_new();
    SUCCEEDS(wgformer_answer_options_set_top_k(options, 4));
    write_answers(answerer, options);
    SUCCEEDS(wgformer_answer_options_set_handle_impossible_answer(options, true));
    write_answers(answerer, options);
    SUCCEEDS(wgformer_answer_options_set_align_to_words(options, false));
    write_answers(answerer, options);
    SUCCEEDS(wgformer_answer_options_set_max_answer_len(options, 2));
    write_answers(answerer, options);
    SUCCEEDS(wgformer_answer_options_set_max_seq_len(options, 48));
    SUCCEEDS(wgformer_answer_options_set_doc_stride(options, 1));
    write_answers(answerer, options);
    SUCCEEDS(wgformer_answer_options_set_doc_stride(options, 8));
    write_answers(answerer, options);
    wgformer_answer_options_free(options);
    wgformer_answerer_free(answerer);
}

static void fill(const char *model)
{
    wgformer_filler *filler;
    wgformer_fillings *fillings;
    SUCCEEDS(wgformer_filler_load(gpu, model, NULL, &filler));
    MAKE_READY(filler, filler);
    wgformer_text masked[] = {text("a [MASK]"), texts[count - 1]};
    const wgformer_text *pairs[] = {NULL, reversed};
    for (size_t i = 0; i < 2; i++) {
        SUCCEEDS(wgformer_filler_fill(filler, masked, pairs[i], 2, 3, &fillings));
        for (size_t j = 0; j < wgformer_fillings_count(fillings); j++) {
            const wgformer_filling *it = wgformer_fillings_get(fillings, j);
            printf("filling %zu %zu %lu %08lx %s\n", it->index, it->mask, (unsigned long)it->id,
                   bits(it->score), it->token);
        }
        wgformer_fillings_free(fillings);
    }
    wgformer_filler_free(filler);
}

static void summarize(const char *model)
{
    wgformer_embedder *embedder;
    wgformer_sentences *sentences;
    SUCCEEDS(wgformer_embedder_load(gpu, model, NULL, &embedder));
    MAKE_READY(embedder, embedder);
    wgformer_text story = text("The cat slept. Snow fell. A cat likes a mat. The cat sat.");
    SUCCEEDS(wgformer_embedder_summarize(embedder, story, 3, &sentences));
    for (size_t i = 0; i < wgformer_sentences_count(sentences); i++) {
        const wgformer_sentence *it = wgformer_sentences_get(sentences, i);
        printf("sentence %zu %08lx %s\n", it->index, bits(it->score), it->text);
    }
    wgformer_sentences_free(sentences);
    wgformer_embedder_free(embedder);
}

int main(int argument_count, char **arguments)
{
    char **models = arguments + 1;
    char **words = arguments + 8;
    CHECK(argument_count > 9 && argument_count <= 8 + MOST);
    count = (size_t)argument_count - 8;
    for (size_t i = 0; i < count; i++) {
        texts[i] = text(words[i]);
        reversed[i] = text(words[count - 1 - i]);
    }
    SUCCEEDS(wgformer_gpu_new(&gpu));
    classify_with_each_option(models[0]);
    tell_any_labels_apart(models[1]);
    rerank(models[2]);
    tag(models[3]);
    answer(models[4]);
    fill(models[5]);
    summarize(models[6]);
    wgformer_gpu_free(gpu);
    return 0;
}
