/*
 * wgformer: transformer encoders on any GPU.
 *
 * A program opens a GPU, loads a model on it and asks it about texts, as the examples in examples/c/ do: embed.c,
 * search.c and tasks.c.
 * (This file is made by cbindgen from src/c_api/.)
 *
 * Tasks
 *   wgformer_embedder          vectors, passages of long texts, and the sentences that stand for a text
 *   wgformer_sparse_embedder   weights of the vocabulary's entries, for an index of words
 *   wgformer_late_interaction  a vector per token, and scores of texts for a query by them
 *   wgformer_classifier        scores of the model's labels
 *   wgformer_zero_shot         scores of any labels
 *   wgformer_reranker          scores of texts for a query
 *   wgformer_tagger            what texts name, or labels of their tokens
 *   wgformer_answerer          answers to questions in texts
 *   wgformer_filler            what could stand at masked words
 *   Each has the functions _load, _clone and _free, one that does its work, _memory, which says what it takes on the
 *   device, and _warm_up, after which the first call is as fast as the next.
 *   wgformer_index finds the nearest of any vectors, an embedder's or others.
 *   A result of a size that is known before goes to the caller's array; any other is a list, which has the functions
 *   _count, _get and _free.
 *
 * Errors
 *   A function that can fail returns a wgformer_status; on the same thread, wgformer_last_error_message() then says in
 *   words what failed. The library neither prints nor exits nor throws, with two exceptions: it ends the process if
 *   memory runs out, and WGFORMER_STATUS_INTERNAL, which is a bug, is reported on standard error too. (Drivers may
 *   print.)
 *
 * Ownership
 *   A handle is a pointer that the library gave, to a type that is only declared here. It is the caller's, to be freed
 *   once, by the function of its type that ends in _free; that function takes null too. Handles may be freed in any
 *   order: each keeps what it needs. A function that leaves a handle in the caller's variable sets it to null first, so
 *   that it may be freed whether the call succeeded or not.
 *   A row of a list and what it points to are the list's, and stay until it is freed; a later release may add to the end
 *   of a row. Strings that a function returns are the library's, and stay as long as its comment says. A NUL
 *   inside of a string is written as \0. What the caller passes is only read or written during the call, and stays the
 *   caller's.
 *
 * Pointers
 *   Null where a function needs something is an error that names the argument. Any other pointer must be to what the
 *   function says, and no handle may be used after it was freed: the library cannot tell. Strings are in UTF-8.
 *
 * Threads
 *   Any thread may call any function, and several may use one handle at once. Only while a handle is freed, options are
 *   set, or vectors are added to an index, must no other thread use that handle: a function that ends in _clone gives each
 *   thread one of its own. Calls return when they are done. Those that run on one device at once take turns on it.
 *
 * Linking
 *   cargo rustc --release --lib --features c-api --crate-type cdylib,staticlib
 *   leaves in target/release
 *     on Linux    libwgformer.so, and libwgformer.a, to be linked with -lm -lpthread -ldl;
 *     on macOS    libwgformer.dylib, and libwgformer.a;
 *     on Windows  wgformer.dll with its import library wgformer.dll.lib, and wgformer.lib.
 *   What the static library is to be linked with elsewhere, the same command with -- --print native-static-libs says.
 */

#ifndef WGFORMER_H
#define WGFORMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * How a call ended. Numbers keep their meaning; a later release may add some.
 */
enum wgformer_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It did what it was asked.
     */
    WGFORMER_STATUS_OK = 0,
    /**
     * An argument is null, not UTF-8, out of range or too small; nothing was done.
     */
    WGFORMER_STATUS_INVALID_ARGUMENT = 1,
    /**
     * A file is missing, or cannot be read or written.
     */
    WGFORMER_STATUS_IO = 2,
    /**
     * A file of a model or an index is broken, contradicts another, or has not the head that the task needs.
     */
    WGFORMER_STATUS_MALFORMED = 3,
    /**
     * A model or an index asks for something that this library, this adapter or its options do not do.
     */
    WGFORMER_STATUS_UNSUPPORTED = 4,
    /**
     * The tokenizer could not be built, or failed on a text.
     */
    WGFORMER_STATUS_TOKENIZER = 5,
    /**
     * There is no GPU adapter, or none that matches what was asked for.
     */
    WGFORMER_STATUS_NO_ADAPTER = 6,
    /**
     * The driver refused or failed.
     */
    WGFORMER_STATUS_DEVICE = 7,
    /**
     * The device is gone: make a new GPU, and load the model on it again.
     */
    WGFORMER_STATUS_DEVICE_LOST = 8,
    /**
     * Something needs more than the device, or the memory budget, allows.
     */
    WGFORMER_STATUS_LIMIT = 9,
    /**
     * The model overflows on a text: its result would hold an infinity or a NaN.
     */
    WGFORMER_STATUS_OVERFLOW = 10,
    /**
     * A bug in this library, which may have reported itself on standard error. Handles can still be freed.
     */
    WGFORMER_STATUS_INTERNAL = 11,
    /**
     * No memory is left on the device; what was there before still works.
     */
    WGFORMER_STATUS_OUT_OF_MEMORY = 12,
    /**
     * A call was not done by the time that it was given; none of the functions here gives one yet.
     */
    WGFORMER_STATUS_DEADLINE = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wgformer_status wgformer_status;
#else
typedef int32_t wgformer_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The adapters that a GPU can be made on, best first.
 */
typedef struct wgformer_adapters wgformer_adapters;

/**
 * How answers are looked for; the names are those of transformers.
 */
typedef struct wgformer_answer_options wgformer_answer_options;

/**
 * A model that finds the answer to a question in a text, its context, with its tokenizer.
 */
typedef struct wgformer_answerer wgformer_answerer;

/**
 * The answers to some questions, one question after another, and to each the best first.
 */
typedef struct wgformer_answers wgformer_answers;

/**
 * A model that tells which of its labels a text has, with its tokenizer.
 */
typedef struct wgformer_classifier wgformer_classifier;

/**
 * A model with its tokenizer and its pooling.
 */
typedef struct wgformer_embedder wgformer_embedder;

/**
 * How an embedder is loaded. Whatever is not set, the model's own files decide.
 */
typedef struct wgformer_embedder_options wgformer_embedder_options;

/**
 * The vectors of some texts, in order.
 */
typedef struct wgformer_embeddings wgformer_embeddings;

/**
 * The entities of some texts, one text after another, and of each in its order.
 */
typedef struct wgformer_entities wgformer_entities;

/**
 * A model that says what could stand where a text has the mask token, `[MASK]` or `<mask>`, with its tokenizer.
 */
typedef struct wgformer_filler wgformer_filler;

/**
 * What could stand at the masks of some texts, one mask after another, and at each the likeliest first.
 */
typedef struct wgformer_fillings wgformer_fillings;

/**
 * A device with what was compiled for it.
 */
typedef struct wgformer_gpu wgformer_gpu;

/**
 * What was found for some queries, one query after another, and for each the nearest first, of equally near ones the
 * earlier.
 */
typedef struct wgformer_hits wgformer_hits;

/**
 * Vectors of one length, of which it finds the nearest to a query, exactly. It holds up to 2^24, as far as the device's
 * memory goes; the host keeps them too.
 */
typedef struct wgformer_index wgformer_index;

/**
 * How an index compares vectors and stores them.
 */
typedef struct wgformer_index_options wgformer_index_options;

/**
 * A model that gives a vector per token, and compares a query with documents by the best that each of the query's finds
 * (ColBERT), with its tokenizer.
 */
typedef struct wgformer_late_interaction wgformer_late_interaction;

/**
 * How a model is loaded, for every task but embeddings, whose wgformer_embedder_options say it too.
 */
typedef struct wgformer_model_options wgformer_model_options;

/**
 * Parts of a text that a model takes whole, in the text's order.
 */
typedef struct wgformer_passages wgformer_passages;

/**
 * The prompts that a model has, in the order of their names.
 */
typedef struct wgformer_prompts wgformer_prompts;

/**
 * A cross-encoder, which reads a query and a text together, with its tokenizer.
 */
typedef struct wgformer_reranker wgformer_reranker;

/**
 * Sentences of a text, the most central first.
 */
typedef struct wgformer_sentences wgformer_sentences;

/**
 * A model that gives sparse vectors, weights of few of the vocabulary's entries, with its tokenizer.
 */
typedef struct wgformer_sparse_embedder wgformer_sparse_embedder;

/**
 * The sparse vectors of some texts, in order.
 */
typedef struct wgformer_sparse_embeddings wgformer_sparse_embeddings;

/**
 * What becomes of the tags of tokens.
 */
typedef struct wgformer_tag_options wgformer_tag_options;

/**
 * A model that labels the tokens of a text, with its tokenizer.
 */
typedef struct wgformer_tagger wgformer_tagger;

/**
 * A model for natural language inference, which tells which of any labels a text has, with its tokenizer.
 */
typedef struct wgformer_zero_shot wgformer_zero_shot;

/**
 * What is asked of a model about any labels.
 */
typedef struct wgformer_zero_shot_options wgformer_zero_shot_options;

/**
 * What the elements of weight matrices are stored as on the device: one of WGFORMER_DTYPE_*.
 */
typedef int32_t wgformer_dtype;

/**
 * How the tokens of a text become one vector: one of WGFORMER_POOLING_*.
 */
typedef int32_t wgformer_pooling;

/**
 * A text in UTF-8. It needs no NUL at its end, and may hold some.
 */
typedef struct {
    /**
     * Its bytes; may be null where there are none.
     */
    const char *data;
    /**
     * How many they are.
     */
    size_t length;
} wgformer_text;

/**
 * How tags of tokens become entities, as transformers has it: one of WGFORMER_AGGREGATION_*.
 */
typedef int32_t wgformer_aggregation;

/**
 * What says how near two vectors are: one of WGFORMER_METRIC_*.
 */
typedef int32_t wgformer_metric;

/**
 * Vectors, one after another: row-major, `[count, dimensions]`, with the model's dimensions.
 */
typedef struct {
    /**
     * Their elements; may be null where there are none.
     */
    const float *values;
    /**
     * How many vectors they are.
     */
    size_t count;
} wgformer_vectors;

/**
 * What a text became.
 */
typedef struct {
    /**
     * How many tokens the text has, special tokens included, after it was cut to the model's length.
     */
    size_t tokens;
    /**
     * Whether it had more, which were cut off.
     */
    bool is_cut;
    /**
     * One vector, or one for each token that has any.
     */
    wgformer_vectors vectors;
} wgformer_embedding;

/**
 * What may be put before a text.
 */
typedef struct {
    /**
     * Its name, such as `query`.
     */
    const char *name;
    /**
     * What is put before a text; may be empty.
     */
    const char *text;
} wgformer_prompt;

/**
 * A part of a text that is not longer than a model takes.
 */
typedef struct {
    /**
     * Its first character, counted in characters (code points), not bytes, from the start of the text.
     */
    size_t start;
    /**
     * The character after its last.
     */
    size_t end;
    /**
     * What it says, for wgformer_embedder_embed as it is. No NUL ends it: `%.*s` prints it.
     */
    wgformer_text text;
} wgformer_passage;

/**
 * A sentence of a text that stands for others.
 */
typedef struct {
    /**
     * Its place among the text's sentences, counted from 0.
     */
    size_t index;
    /**
     * How central it is: a share, of all sentences together 1.
     */
    float score;
    /**
     * The sentence, as it stands in the text.
     */
    const char *text;
} wgformer_sentence;

/**
 * The sparse vector of a text: the entries that weigh anything, the heaviest first, of equal ones the first of the
 * vocabulary.
 */
typedef struct {
    /**
     * How many tokens the text has, special tokens included, after it was cut to the model's length.
     */
    size_t tokens;
    /**
     * Whether it had more, which were cut off.
     */
    bool is_cut;
    /**
     * How many entries weigh anything; as many are in each of the arrays.
     */
    size_t count;
    /**
     * Their places in the vocabulary.
     */
    const uint32_t *ids;
    /**
     * Their weights, each more than 0; of a query without inference they may be less, where its table was trained so.
     */
    const float *weights;
    /**
     * What the vocabulary has there, such as `##ing`; "" where it has nothing.
     */
    const char *const *entries;
} wgformer_sparse_embedding;

/**
 * What a text is read as: one of WGFORMER_SIDE_*.
 */
typedef int32_t wgformer_side;

/**
 * A part of a text, and what it is.
 */
typedef struct {
    /**
     * The place of its text or pair, counted from 0.
     */
    size_t index;
    /**
     * Which of a pair of texts it is of, 0 for the first and 1 for the second; 0 of a single text.
     */
    size_t sequence;
    /**
     * Its first character, counted in characters (code points), not bytes, from the start of the text.
     */
    size_t start;
    /**
     * The character after its last.
     */
    size_t end;
    /**
     * How sure the model is of it, from 0 to 1.
     */
    float score;
    /**
     * Its label's name, without B- and I- unless tokens are for themselves.
     */
    const char *label;
    /**
     * The text from `start` to `end`.
     */
    const char *text;
} wgformer_entity;

/**
 * A part of a context that may answer the question.
 */
typedef struct {
    /**
     * The place of its question, counted from 0.
     */
    size_t index;
    /**
     * Its first character, counted in characters (code points), not bytes, from the start of the context; of the same
     * text in several places, one of them.
     */
    size_t start;
    /**
     * The character after its last.
     */
    size_t end;
    /**
     * How sure the model is of it. Scores of the same text, but for upper and lower case, are added up, so that the sum
     * may exceed 1.
     */
    float score;
    /**
     * The context from `start` to `end`; empty where it says that there is no answer.
     */
    const char *text;
} wgformer_answer;

/**
 * What could stand at a mask.
 */
typedef struct {
    /**
     * The place of its text or pair, counted from 0.
     */
    size_t index;
    /**
     * Which of the text's masks, counted from 0; those of a second text follow those of the first.
     */
    size_t mask;
    /**
     * The token's place in the vocabulary.
     */
    uint32_t id;
    /**
     * Its probability.
     */
    float score;
    /**
     * The token, as text.
     */
    const char *token;
} wgformer_filling;

/**
 * A vector of an index, and how near it is to a query.
 */
typedef struct {
    /**
     * The place of its query, counted from 0.
     */
    size_t query;
    /**
     * Its place among the index's vectors, counted from 0 in the order in which they were added.
     */
    size_t index;
    /**
     * By the index's metric: the larger, the nearer.
     */
    float score;
} wgformer_hit;

/**
 * The bytes that something takes on its device, without what the driver takes. It is the caller's, and stays as it is in
 * later releases.
 */
typedef struct {
    /**
     * All of it: `weights`, and for each of `runs` `activations` and `staging`.
     */
    uint64_t total;
    /**
     * Of the weights, or of an index's vectors.
     */
    uint64_t weights;
    /**
     * Of what the steps of one run read and write.
     */
    uint64_t activations;
    /**
     * Of what brings the inputs of one run to the device, and its result back.
     */
    uint64_t staging;
    /**
     * How many runs have memory of their own; what one has is used again by the next.
     */
    size_t runs;
} wgformer_memory;

/**
 * 32-bit float; what is taken where nothing is set.
 */
#define WGFORMER_DTYPE_F32 0

/**
 * 16-bit float: half the memory.
 */
#define WGFORMER_DTYPE_F16 1

/**
 * 8-bit integers in linear layers, with a scale per output; 16-bit float in tables of embeddings.
 */
#define WGFORMER_DTYPE_INT8 2

/**
 * The mean over its tokens.
 */
#define WGFORMER_POOLING_MEAN 0

/**
 * The maximum over its tokens, column by column.
 */
#define WGFORMER_POOLING_MAX 1

/**
 * The first token.
 */
#define WGFORMER_POOLING_CLS 2

/**
 * The last token.
 */
#define WGFORMER_POOLING_LAST 3

/**
 * The sum over its tokens, divided by the root of their count.
 */
#define WGFORMER_POOLING_MEAN_SQRT_LEN 4

/**
 * The mean over its tokens, weighted by their places: the first has weight 1, the second 2, and so on.
 */
#define WGFORMER_POOLING_WEIGHTED_MEAN 5

/**
 * Each token is for itself, under its label as it is, such as B-PER.
 */
#define WGFORMER_AGGREGATION_NONE 0

/**
 * Neighbours with the same label become one entity, which B- begins anew; what is taken where nothing is set.
 */
#define WGFORMER_AGGREGATION_SIMPLE 1

/**
 * As simple, but all tokens of a word have the label of its first.
 */
#define WGFORMER_AGGREGATION_FIRST 2

/**
 * As simple, but all tokens of a word have the label whose mean score is best.
 */
#define WGFORMER_AGGREGATION_AVERAGE 3

/**
 * As simple, but all tokens of a word have the label with the best score of all.
 */
#define WGFORMER_AGGREGATION_MAX 4

/**
 * The cosine of the angle between them, from -1 to 1; 0 if either is all zeros.
 */
#define WGFORMER_METRIC_COSINE 0

/**
 * The sum of the products of their elements, which is the cosine where both have length 1.
 */
#define WGFORMER_METRIC_DOT_PRODUCT 1

/**
 * What is asked: marked as such, and mostly filled up with mask tokens.
 */
#define WGFORMER_SIDE_QUERY 0

/**
 * What is searched: marked as such, and mostly without vectors for punctuation.
 */
#define WGFORMER_SIDE_DOCUMENT 1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The library's version, such as "0.1.0". The string is never freed.
 */
const char *wgformer_version(void);

/**
 * What the last call on this thread that failed has to say, in one sentence without a full stop; "" before any has.
 *
 * The string is the library's, and stays until another call fails on this thread or the thread ends.
 */
const char *wgformer_last_error_message(void);

/**
 * Lists the adapters of the back ends that the environment variable WGPU_BACKEND allows; there may be none.
 */
wgformer_status wgformer_adapters_new(wgformer_adapters **adapters);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_adapters_count(const wgformer_adapters *adapters);

/**
 * An adapter's name, back end, kind and driver, for people to read; null past the end.
 *
 * `index`: its place, counted from 0. The string is the list's.
 */
const char *wgformer_adapters_description(const wgformer_adapters *adapters, size_t index);

/**
 * Frees the list and its strings; null is ignored.
 */
void wgformer_adapters_free(wgformer_adapters *adapters);

/**
 * A device of the best adapter, or of the one that the environment variables WGPU_BACKEND and WGPU_ADAPTER_NAME name.
 */
wgformer_status wgformer_gpu_new(wgformer_gpu **gpu);

/**
 * A device of the best adapter whose name contains `name`, in whatever case.
 */
wgformer_status wgformer_gpu_new_named(const char *name, wgformer_gpu **gpu);

/**
 * A device of the adapter at `index`, its place in the list of wgformer_adapters_new.
 */
wgformer_status wgformer_gpu_new_at(size_t index, wgformer_gpu **gpu);

/**
 * Its adapter's name, back end, kind and driver, for people to read; null for null. The string is the handle's.
 */
const char *wgformer_gpu_description(const wgformer_gpu *gpu);

/**
 * Frees the handle; null is ignored. Models that were loaded on it keep what they need.
 */
void wgformer_gpu_free(wgformer_gpu *gpu);

/**
 * Options of which nothing is set; never null.
 */
wgformer_model_options *wgformer_model_options_new(void);

/**
 * What weights are stored as on the device.
 */
wgformer_status wgformer_model_options_set_dtype(wgformer_model_options *options,
                                                 wgformer_dtype dtype);

/**
 * The most tokens in one GPU batch, at least 1; a longer text goes alone. Where it is not set, the adapter decides.
 */
wgformer_status wgformer_model_options_set_batch_tokens(wgformer_model_options *options,
                                                        size_t batch_tokens);

/**
 * The most bytes that the model may take on the device, its weights and all calls that are under way; without bound where
 * it is not set. Batches become smaller, and calls wait for one another; a model that does not fit is refused.
 */
wgformer_status wgformer_model_options_set_memory_budget(wgformer_model_options *options,
                                                         uint64_t memory_budget);

/**
 * Frees the options; null is ignored.
 */
void wgformer_model_options_free(wgformer_model_options *options);

/**
 * Options of which nothing is set; never null.
 */
wgformer_embedder_options *wgformer_embedder_options_new(void);

/**
 * What weights are stored as on the device.
 */
wgformer_status wgformer_embedder_options_set_dtype(wgformer_embedder_options *options,
                                                    wgformer_dtype dtype);

/**
 * How tokens become one vector.
 */
wgformer_status wgformer_embedder_options_set_pooling(wgformer_embedder_options *options,
                                                      wgformer_pooling pooling);

/**
 * Whether vectors are brought to length 1; where it is not set, the model's files say so.
 */
wgformer_status wgformer_embedder_options_set_normalize(wgformer_embedder_options *options,
                                                        bool normalize);

/**
 * Whether there is one vector per token instead of one per text, special tokens included, never normalised; they come
 * from wgformer_embedder_embeddings.
 */
wgformer_status wgformer_embedder_options_set_per_token(wgformer_embedder_options *options,
                                                        bool per_token);

/**
 * The name of the prompt that is put before every text, one of those of wgformer_embedder_prompts, rather than the
 * model's default.
 *
 * `name`: in UTF-8, ended by a NUL. Whether the model has it, loading finds out.
 */
wgformer_status wgformer_embedder_options_set_prompt(wgformer_embedder_options *options,
                                                     const char *name);

/**
 * How many of a vector's elements are kept, the first ones, at least 1: for models that were trained for it
 * ("Matryoshka"). What had length 1 has it again only if wgformer_embedder_options_set_normalize asks for it. Whether vectors
 * have so many, loading finds out.
 */
wgformer_status wgformer_embedder_options_set_dimensions(wgformer_embedder_options *options,
                                                         size_t dimensions);

/**
 * Whether a text that is longer than the model takes is an error that names it; where it is not set, it is cut.
 */
wgformer_status wgformer_embedder_options_set_refuse_long_texts(wgformer_embedder_options *options,
                                                                bool refuse_long_texts);

/**
 * The most tokens in one GPU batch, at least 1; a longer text goes alone. Where it is not set, the adapter decides.
 */
wgformer_status wgformer_embedder_options_set_batch_tokens(wgformer_embedder_options *options,
                                                           size_t batch_tokens);

/**
 * The most bytes that the model may take on the device, as wgformer_model_options_set_memory_budget has it.
 */
wgformer_status wgformer_embedder_options_set_memory_budget(wgformer_embedder_options *options,
                                                            uint64_t memory_budget);

/**
 * Frees the options; null is ignored.
 */
void wgformer_embedder_options_free(wgformer_embedder_options *options);

/**
 * Options of which nothing is set; never null.
 */
wgformer_zero_shot_options *wgformer_zero_shot_options_new(void);

/**
 * Whether any number of labels may be right, each with a probability of its own, rather than one of them.
 */
wgformer_status wgformer_zero_shot_options_set_multi_label(wgformer_zero_shot_options *options,
                                                           bool multi_label);

/**
 * The sentence that is to follow from the text, with `{}` where the label is to stand; `This example is {}.` where it is
 * not set.
 */
wgformer_status wgformer_zero_shot_options_set_template(wgformer_zero_shot_options *options,
                                                        wgformer_text template_);

/**
 * Frees the options; null is ignored.
 */
void wgformer_zero_shot_options_free(wgformer_zero_shot_options *options);

/**
 * Options of which nothing is set; never null.
 */
wgformer_tag_options *wgformer_tag_options_new(void);

/**
 * How tags of tokens become entities.
 */
wgformer_status wgformer_tag_options_set_aggregation(wgformer_tag_options *options,
                                                     wgformer_aggregation aggregation);

/**
 * The labels that are left out, as an entity has them; O where it is not set.
 *
 * `labels`: as many as `count`, which may be 0.
 */
wgformer_status wgformer_tag_options_set_ignore_labels(wgformer_tag_options *options,
                                                       const wgformer_text *labels,
                                                       size_t count);

/**
 * Frees the options; null is ignored.
 */
void wgformer_tag_options_free(wgformer_tag_options *options);

/**
 * Options of which nothing is set; never null.
 */
wgformer_answer_options *wgformer_answer_options_new(void);

/**
 * The most answers to a question, 1 where it is not set.
 */
wgformer_status wgformer_answer_options_set_top_k(wgformer_answer_options *options, size_t top_k);

/**
 * The longest answer, in tokens, before it is brought to whole words; 15 where it is not set.
 */
wgformer_status wgformer_answer_options_set_max_answer_len(wgformer_answer_options *options,
                                                           size_t max_answer_len);

/**
 * The most tokens of question and context together, special tokens included: 384 where it is not set, and never more
 * than the model takes. A longer context is read in parts.
 */
wgformer_status wgformer_answer_options_set_max_seq_len(wgformer_answer_options *options,
                                                        size_t max_seq_len);

/**
 * How many tokens of a context are in one part and in the next too: 128 where it is not set, or half of the length of a
 * part if that is less.
 */
wgformer_status wgformer_answer_options_set_doc_stride(wgformer_answer_options *options,
                                                       size_t doc_stride);

/**
 * Whether one answer is the empty one, from 0 to 0, with the score that there is none in the context; where it is not
 * set, not.
 */
wgformer_status wgformer_answer_options_set_handle_impossible_answer(wgformer_answer_options *options,
                                                                     bool handle_impossible_answer);

/**
 * Whether an answer begins and ends with whole words, as it does where it is not set.
 */
wgformer_status wgformer_answer_options_set_align_to_words(wgformer_answer_options *options,
                                                           bool align_to_words);

/**
 * Frees the options; null is ignored.
 */
void wgformer_answer_options_free(wgformer_answer_options *options);

/**
 * Options of which nothing is set; never null.
 */
wgformer_index_options *wgformer_index_options_new(void);

/**
 * What scores are; where it is not set, the cosine, or what a file that is loaded says.
 */
wgformer_status wgformer_index_options_set_metric(wgformer_index_options *options,
                                                  wgformer_metric metric);

/**
 * What vectors are stored as on the device, one of WGFORMER_DTYPE_*. With f16 and int8 they take a half and a quarter of
 * the memory, and scores are those of the rounded vectors.
 */
wgformer_status wgformer_index_options_set_dtype(wgformer_index_options *options,
                                                 wgformer_dtype dtype);

/**
 * The most bytes that the index may take on the device, its vectors and all searches that are under way; without bound
 * where it is not set. Fewer queries run at once, and searches wait for one another; vectors and searches that do not
 * fit are refused.
 */
wgformer_status wgformer_index_options_set_memory_budget(wgformer_index_options *options,
                                                         uint64_t memory_budget);

/**
 * Frees the options; null is ignored.
 */
void wgformer_index_options_free(wgformer_index_options *options);

/**
 * How many there are, one for each text; 0 for null.
 */
size_t wgformer_embeddings_count(const wgformer_embeddings *embeddings);

/**
 * What a text became; null past the end.
 *
 * `index`: the text's place, counted from 0. It and its vectors are the list's.
 */
const wgformer_embedding *wgformer_embeddings_get(const wgformer_embeddings *embeddings,
                                                  size_t index);

/**
 * Frees the list and its vectors; null is ignored.
 */
void wgformer_embeddings_free(wgformer_embeddings *embeddings);

/**
 * Loads a Hugging Face directory: config.json, weights, the tokenizer and, if there, its sentence-transformers
 * files.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_embedder_load(const wgformer_gpu *gpu,
                                       const char *directory,
                                       const wgformer_embedder_options *options,
                                       wgformer_embedder **embedder);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_embedder *wgformer_embedder_clone(const wgformer_embedder *embedder);

/**
 * The length of a vector, in floats; 0 for null.
 */
size_t wgformer_embedder_dimensions(const wgformer_embedder *embedder);

/**
 * The longest text, in tokens; what is longer is cut, unless the options refuse it. 0 for null.
 */
size_t wgformer_embedder_max_tokens(const wgformer_embedder *embedder);

/**
 * Writes one vector per text, in order, and waits for it: row-major, `[count, dimensions]`.
 *
 * `capacity`: the room at `vectors`, in floats, at least `count` times wgformer_embedder_dimensions. A call that
 * fails writes nothing there. A text's vector does not depend on the other texts, to the bit. An embedder that gives a
 * vector per token is refused.
 */
wgformer_status wgformer_embedder_embed(const wgformer_embedder *embedder,
                                        const wgformer_text *texts,
                                        size_t count,
                                        float *vectors,
                                        size_t capacity);

/**
 * Lists the vectors of some texts, in order, with how many tokens each has and whether it was cut.
 */
wgformer_status wgformer_embedder_embeddings(const wgformer_embedder *embedder,
                                             const wgformer_text *texts,
                                             size_t count,
                                             wgformer_embeddings **embeddings);

/**
 * Writes what says how near two vectors of the model are, for an index: one of WGFORMER_METRIC_*, the cosine unless its
 * files say otherwise.
 */
wgformer_status wgformer_embedder_metric(const wgformer_embedder *embedder,
                                         wgformer_metric *metric);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_embedder_free(wgformer_embedder *embedder);

/**
 * Lists the model's prompts; it may have none.
 */
wgformer_status wgformer_embedder_prompts(const wgformer_embedder *embedder,
                                          wgformer_prompts **prompts);

/**
 * A handle to the same model with another of its prompts before every text. Nothing of the model is copied.
 *
 * `name`: the prompt's, in UTF-8, ended by a NUL.
 */
wgformer_status wgformer_embedder_with_prompt(const wgformer_embedder *embedder,
                                              const char *name,
                                              wgformer_embedder **prompted);

/**
 * A handle to the same model for queries: with its prompt `query`, if it has one. Nothing of the model is copied.
 */
wgformer_status wgformer_embedder_for_queries(const wgformer_embedder *embedder,
                                              wgformer_embedder **queries);

/**
 * A handle to the same model for what is searched: with the first there is of its prompts `document`, `passage` and
 * `corpus`. Nothing of the model is copied.
 */
wgformer_status wgformer_embedder_for_documents(const wgformer_embedder *embedder,
                                                wgformer_embedder **documents);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_prompts_count(const wgformer_prompts *prompts);

/**
 * A prompt; null past the end.
 *
 * `index`: its place, counted from 0. It and its strings are the list's.
 */
const wgformer_prompt *wgformer_prompts_get(const wgformer_prompts *prompts, size_t index);

/**
 * Frees the list and its strings; null is ignored.
 */
void wgformer_prompts_free(wgformer_prompts *prompts);

/**
 * Lists the parts of a text that the model takes whole, prompt included, each of which shares about `overlap` tokens with
 * the next: whole words, where a word is not longer than all that the model takes.
 */
wgformer_status wgformer_embedder_passages(const wgformer_embedder *embedder,
                                           wgformer_text text,
                                           size_t overlap,
                                           wgformer_passages **passages);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_passages_count(const wgformer_passages *passages);

/**
 * A passage; null past the end.
 *
 * `index`: its place, counted from 0. It and its text are the list's.
 */
const wgformer_passage *wgformer_passages_get(const wgformer_passages *passages, size_t index);

/**
 * Frees the list and its texts; null is ignored.
 */
void wgformer_passages_free(wgformer_passages *passages);

/**
 * Lists the `count` sentences of a text that are most alike to all others.
 *
 * Sentences end where Unicode says that they do (Standard Annex 29). The work grows with the square of their number.
 */
wgformer_status wgformer_embedder_summarize(const wgformer_embedder *embedder,
                                            wgformer_text text,
                                            size_t count,
                                            wgformer_sentences **sentences);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_sentences_count(const wgformer_sentences *sentences);

/**
 * A sentence; null past the end.
 *
 * `index`: its place, counted from 0. It and its strings are the list's.
 */
const wgformer_sentence *wgformer_sentences_get(const wgformer_sentences *sentences, size_t index);

/**
 * Frees the list and its strings; null is ignored.
 */
void wgformer_sentences_free(wgformer_sentences *sentences);

/**
 * Writes an integer of -127 to 127 for each element of some vectors: row-major, `[count, dimensions]`.
 *
 * Each vector has a scale of its own, so that its largest element becomes 127 or -127: its direction, as the cosine tells
 * it, stays about the same, its length does not. `vectors`: `[count, dimensions]`. `capacity`: the room at `integers`, at
 * least `count` times `dimensions`. A call that fails writes nothing there.
 */
wgformer_status wgformer_to_int8(const float *vectors,
                                 size_t count,
                                 size_t dimensions,
                                 int8_t *integers,
                                 size_t capacity);

/**
 * Writes a bit for each element of some vectors, whether it is above 0, eight to a byte, the first in the highest bit:
 * row-major, `[count, bytes]`, where `bytes` are `dimensions` divided by 8, rounded up; what does not fill a vector's last
 * byte is 0.
 *
 * `vectors`: `[count, dimensions]`. `capacity`: the room at `bytes`, at least `count` times as many as a vector has. A
 * call that fails writes nothing there.
 */
wgformer_status wgformer_to_ubinary(const float *vectors,
                                    size_t count,
                                    size_t dimensions,
                                    uint8_t *bytes,
                                    size_t capacity);

/**
 * Loads a Hugging Face directory of a masked language model (SPLADE), with the table that weighs queries if it has one, or
 * of BGE-M3 with its `sparse_linear.pt`.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_sparse_embedder_load(const wgformer_gpu *gpu,
                                              const char *directory,
                                              const wgformer_model_options *options,
                                              wgformer_sparse_embedder **sparse_embedder);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_sparse_embedder *wgformer_sparse_embedder_clone(const wgformer_sparse_embedder *sparse_embedder);

/**
 * A handle to the same model with one of its prompts before every text, such as `query` or `document`; of a model that
 * reads queries otherwise than documents, these two names say which a text is, whatever the prompts are. Nothing of the
 * model is copied.
 *
 * `name`: the prompt's, in UTF-8, ended by a NUL.
 */
wgformer_status wgformer_sparse_embedder_with_prompt(const wgformer_sparse_embedder *sparse_embedder,
                                                     const char *name,
                                                     wgformer_sparse_embedder **prompted);

/**
 * Lists the sparse vectors of some texts, in order. What is longer than the model takes is cut.
 */
wgformer_status wgformer_sparse_embedder_embed(const wgformer_sparse_embedder *sparse_embedder,
                                               const wgformer_text *texts,
                                               size_t count,
                                               wgformer_sparse_embeddings **embeddings);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_sparse_embedder_free(wgformer_sparse_embedder *sparse_embedder);

/**
 * How many there are, one for each text; 0 for null.
 */
size_t wgformer_sparse_embeddings_count(const wgformer_sparse_embeddings *embeddings);

/**
 * The sparse vector of a text; null past the end.
 *
 * `index`: the text's place, counted from 0. It, its arrays and its strings are the list's.
 */
const wgformer_sparse_embedding *wgformer_sparse_embeddings_get(const wgformer_sparse_embeddings *embeddings,
                                                                size_t index);

/**
 * Frees the list, its arrays and its strings; null is ignored.
 */
void wgformer_sparse_embeddings_free(wgformer_sparse_embeddings *embeddings);

/**
 * Loads a directory of sentence-transformers' `MultiVectorEncoder`, of PyLate, of Stanford's ColBERT or of BGE-M3.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own; a memory budget is for the model and the comparison.
 */
wgformer_status wgformer_late_interaction_load(const wgformer_gpu *gpu,
                                               const char *directory,
                                               const wgformer_model_options *options,
                                               wgformer_late_interaction **late_interaction);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_late_interaction *wgformer_late_interaction_clone(const wgformer_late_interaction *late_interaction);

/**
 * The length of a vector, in floats; 0 for null.
 */
size_t wgformer_late_interaction_dimensions(const wgformer_late_interaction *late_interaction);

/**
 * Lists the vectors of some texts, in order. What is longer than the model takes is cut.
 *
 * `side`: one of WGFORMER_SIDE_*.
 */
wgformer_status wgformer_late_interaction_embed(const wgformer_late_interaction *late_interaction,
                                                wgformer_side side,
                                                const wgformer_text *texts,
                                                size_t count,
                                                wgformer_embeddings **embeddings);

/**
 * Writes how well each text answers the query, in the order of the texts, and waits for it: `[count]`.
 *
 * A score is the sum over the query's vectors, for BGE-M3 the mean, of the best product with any of the text's; the
 * higher, the better. `capacity`: the room at `scores`, in floats, at least `count`. A call that fails writes nothing
 * there. What is longer than the model takes is cut.
 */
wgformer_status wgformer_late_interaction_score(const wgformer_late_interaction *late_interaction,
                                                wgformer_text query,
                                                const wgformer_text *texts,
                                                size_t count,
                                                float *scores,
                                                size_t capacity);

/**
 * Writes how well each document answers the query, as wgformer_late_interaction_score does, by vectors that were made
 * before.
 *
 * `query`, `documents`: the vectors of one query and of `count` documents, as wgformer_late_interaction_embed lists them,
 * or as the caller kept them. `capacity`: the room at `scores`, in floats, at least `count`. A call that fails writes
 * nothing there.
 */
wgformer_status wgformer_late_interaction_score_vectors(const wgformer_late_interaction *late_interaction,
                                                        wgformer_vectors query,
                                                        const wgformer_vectors *documents,
                                                        size_t count,
                                                        float *scores,
                                                        size_t capacity);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_late_interaction_free(wgformer_late_interaction *late_interaction);

/**
 * Loads a Hugging Face directory with a head for sequence classification.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_classifier_load(const wgformer_gpu *gpu,
                                         const char *directory,
                                         const wgformer_model_options *options,
                                         wgformer_classifier **classifier);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_classifier *wgformer_classifier_clone(const wgformer_classifier *classifier);

/**
 * How many labels there are; 0 for null.
 */
size_t wgformer_classifier_label_count(const wgformer_classifier *classifier);

/**
 * A label's name; null past the end.
 *
 * `index`: its place, counted from 0. The string stays as long as a handle of the model.
 */
const char *wgformer_classifier_label(const wgformer_classifier *classifier, size_t index);

/**
 * Writes the score of every label for each text, in order, and waits for it: row-major, `[count, labels]`.
 *
 * A score is from 0 to 1, or any number where the checkpoint says that its logits are the result. `pairs`: null, or as
 * many texts, of which each is read together with that of `texts` at its place. `capacity`: the room at `scores`, in
 * floats, at least `count` times wgformer_classifier_label_count. A call that fails writes nothing there. What is longer
 * than the model takes is cut.
 */
wgformer_status wgformer_classifier_classify(const wgformer_classifier *classifier,
                                             const wgformer_text *texts,
                                             const wgformer_text *pairs,
                                             size_t count,
                                             float *scores,
                                             size_t capacity);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_classifier_free(wgformer_classifier *classifier);

/**
 * Loads a Hugging Face directory with a head for sequence classification that has a label whose name begins with
 * `entail`.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_zero_shot_load(const wgformer_gpu *gpu,
                                        const char *directory,
                                        const wgformer_model_options *options,
                                        wgformer_zero_shot **zero_shot);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_zero_shot *wgformer_zero_shot_clone(const wgformer_zero_shot *zero_shot);

/**
 * Writes the score of every label for each text, in order, and waits for it: row-major, `[count, label_count]`.
 *
 * `labels`: as many as `label_count`, at least 1. `options`: null for the defaults. `capacity`: the room at `scores`, in
 * floats, at least `count` times `label_count`. A call that fails writes nothing there. What is longer than the model
 * takes is cut.
 */
wgformer_status wgformer_zero_shot_classify(const wgformer_zero_shot *zero_shot,
                                            const wgformer_text *texts,
                                            size_t count,
                                            const wgformer_text *labels,
                                            size_t label_count,
                                            const wgformer_zero_shot_options *options,
                                            float *scores,
                                            size_t capacity);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_zero_shot_free(wgformer_zero_shot *zero_shot);

/**
 * Loads a Hugging Face directory with a head for sequence classification that has one label.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_reranker_load(const wgformer_gpu *gpu,
                                       const char *directory,
                                       const wgformer_model_options *options,
                                       wgformer_reranker **reranker);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_reranker *wgformer_reranker_clone(const wgformer_reranker *reranker);

/**
 * Writes how well each text answers the query, in the order of the texts, and waits for it: `[count]`.
 *
 * A score is from 0 to 1, or a logit, as the checkpoint says; the higher, the better. `capacity`: the room at `scores`,
 * in floats, at least `count`. A call that fails writes nothing there. What is longer than the model takes is cut.
 */
wgformer_status wgformer_reranker_score(const wgformer_reranker *reranker,
                                        wgformer_text query,
                                        const wgformer_text *texts,
                                        size_t count,
                                        float *scores,
                                        size_t capacity);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_reranker_free(wgformer_reranker *reranker);

/**
 * Loads a Hugging Face directory with a head for token classification.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_tagger_load(const wgformer_gpu *gpu,
                                     const char *directory,
                                     const wgformer_model_options *options,
                                     wgformer_tagger **tagger);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_tagger *wgformer_tagger_clone(const wgformer_tagger *tagger);

/**
 * Lists the entities of some texts.
 *
 * `pairs`: null, or as many texts, of which each is read together with that of `texts` at its place, and tagged too.
 * `options`: null for the defaults. What is longer than the model takes is cut.
 */
wgformer_status wgformer_tagger_tag(const wgformer_tagger *tagger,
                                    const wgformer_text *texts,
                                    const wgformer_text *pairs,
                                    size_t count,
                                    const wgformer_tag_options *options,
                                    wgformer_entities **entities);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_tagger_free(wgformer_tagger *tagger);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_entities_count(const wgformer_entities *entities);

/**
 * An entity; null past the end.
 *
 * `index`: its place, counted from 0. It and its strings are the list's.
 */
const wgformer_entity *wgformer_entities_get(const wgformer_entities *entities, size_t index);

/**
 * Frees the list and its strings; null is ignored.
 */
void wgformer_entities_free(wgformer_entities *entities);

/**
 * Loads a Hugging Face directory with a head for question answering.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_answerer_load(const wgformer_gpu *gpu,
                                       const char *directory,
                                       const wgformer_model_options *options,
                                       wgformer_answerer **answerer);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_answerer *wgformer_answerer_clone(const wgformer_answerer *answerer);

/**
 * Lists the answers to some questions, of which each has the context at its place. There is none in a context without a
 * word. A context is read as a whole, however long it is.
 *
 * `options`: null for the defaults.
 */
wgformer_status wgformer_answerer_answer(const wgformer_answerer *answerer,
                                         const wgformer_text *questions,
                                         const wgformer_text *contexts,
                                         size_t count,
                                         const wgformer_answer_options *options,
                                         wgformer_answers **answers);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_answerer_free(wgformer_answerer *answerer);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_answers_count(const wgformer_answers *answers);

/**
 * An answer; null past the end.
 *
 * `index`: its place, counted from 0. It and its strings are the list's.
 */
const wgformer_answer *wgformer_answers_get(const wgformer_answers *answers, size_t index);

/**
 * Frees the list and its strings; null is ignored.
 */
void wgformer_answers_free(wgformer_answers *answers);

/**
 * Loads a Hugging Face directory with a head that predicts tokens.
 *
 * `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
 * model's own.
 */
wgformer_status wgformer_filler_load(const wgformer_gpu *gpu,
                                     const char *directory,
                                     const wgformer_model_options *options,
                                     wgformer_filler **filler);

/**
 * Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
 */
wgformer_filler *wgformer_filler_clone(const wgformer_filler *filler);

/**
 * Lists for each mask of some texts the `top` likeliest tokens. A text without a mask is an error.
 *
 * `pairs`: null, or as many texts, of which each is read together with that of `texts` at its place; either may have masks.
 */
wgformer_status wgformer_filler_fill(const wgformer_filler *filler,
                                     const wgformer_text *texts,
                                     const wgformer_text *pairs,
                                     size_t count,
                                     size_t top,
                                     wgformer_fillings **fillings);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_filler_free(wgformer_filler *filler);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_fillings_count(const wgformer_fillings *fillings);

/**
 * What could stand at a mask; null past the end.
 *
 * `index`: its place, counted from 0. It and its strings are the list's.
 */
const wgformer_filling *wgformer_fillings_get(const wgformer_fillings *fillings, size_t index);

/**
 * Frees the list and its strings; null is ignored.
 */
void wgformer_fillings_free(wgformer_fillings *fillings);

/**
 * An index of no vectors yet.
 *
 * `dimensions`: the length of each, in floats, at least 1. `options`: null for the defaults.
 */
wgformer_status wgformer_index_new(const wgformer_gpu *gpu,
                                   size_t dimensions,
                                   const wgformer_index_options *options,
                                   wgformer_index **index);

/**
 * Reads a file that wgformer_index_save wrote, which says its metric too.
 *
 * `path`: in UTF-8, ended by a NUL. `options`: null for the defaults; those of the index that was saved are not in the
 * file, and one that names another metric is an error.
 */
wgformer_status wgformer_index_load(const wgformer_gpu *gpu,
                                    const char *path,
                                    const wgformer_index_options *options,
                                    wgformer_index **index);

/**
 * Another handle to the same vectors, for another owner to free; null for null. Nothing is copied, until vectors are
 * added by one of the handles: those are its own, and so is its memory budget from then on.
 */
wgformer_index *wgformer_index_clone(const wgformer_index *index);

/**
 * The same index on another device, after its own was lost: its vectors, which the host has, are brought there.
 */
wgformer_status wgformer_index_recover(const wgformer_index *index,
                                       const wgformer_gpu *gpu,
                                       wgformer_index **recovered);

/**
 * Adds vectors, each of which gets the next place: row-major, `[count, dimensions]`.
 *
 * No other thread may use the handle meanwhile. `vectors`: copied. Where one is refused, because an element is not finite
 * or there is no room, none of them is added. They are brought to the device by the next search, or
 * wgformer_index_upload.
 */
wgformer_status wgformer_index_add(wgformer_index *index,
                                   const float *vectors,
                                   size_t count);

/**
 * Brings vectors to the device that are not there yet, and prepares for searches, so that the first need not.
 */
wgformer_status wgformer_index_upload(const wgformer_index *index);

/**
 * Lists for each of some queries the `k` nearest vectors; all of them, if there are not more.
 *
 * `queries`: vectors, row-major, `[count, dimensions]`.
 */
wgformer_status wgformer_index_search(const wgformer_index *index,
                                      const float *queries,
                                      size_t count,
                                      size_t k,
                                      wgformer_hits **hits);

/**
 * Writes the vectors to a file, in f32, which appears whole or not at all; one that is there already is replaced.
 *
 * `path`: in UTF-8, ended by a NUL.
 */
wgformer_status wgformer_index_save(const wgformer_index *index,
                                    const char *path);

/**
 * How many vectors there are; 0 for null.
 */
size_t wgformer_index_count(const wgformer_index *index);

/**
 * The length of a vector, in floats; 0 for null.
 */
size_t wgformer_index_dimensions(const wgformer_index *index);

/**
 * What scores are: one of WGFORMER_METRIC_*; the cosine for null.
 */
wgformer_metric wgformer_index_metric(const wgformer_index *index);

/**
 * Frees the handle, and the vectors with the last of their handles; null is ignored.
 */
void wgformer_index_free(wgformer_index *index);

/**
 * How many there are; 0 for null.
 */
size_t wgformer_hits_count(const wgformer_hits *hits);

/**
 * A hit; null past the end.
 *
 * `index`: its place in the list, counted from 0. It is the list's.
 */
const wgformer_hit *wgformer_hits_get(const wgformer_hits *hits, size_t index);

/**
 * Frees the list; null is ignored.
 */
void wgformer_hits_free(wgformer_hits *hits);

/**
 * What the model takes on the device now.
 */
wgformer_status wgformer_embedder_memory(const wgformer_embedder *embedder,
                                         wgformer_memory *memory);

/**
 * What the model takes on the device now, its head included.
 */
wgformer_status wgformer_sparse_embedder_memory(const wgformer_sparse_embedder *sparse_embedder,
                                                wgformer_memory *memory);

/**
 * What the model and the comparison take on the device now, as if the calls of both were one.
 */
wgformer_status wgformer_late_interaction_memory(const wgformer_late_interaction *late_interaction,
                                                 wgformer_memory *memory);

/**
 * What the model takes on the device now.
 */
wgformer_status wgformer_classifier_memory(const wgformer_classifier *classifier,
                                           wgformer_memory *memory);

/**
 * What the model takes on the device now.
 */
wgformer_status wgformer_zero_shot_memory(const wgformer_zero_shot *zero_shot,
                                          wgformer_memory *memory);

/**
 * What the model takes on the device now.
 */
wgformer_status wgformer_reranker_memory(const wgformer_reranker *reranker,
                                         wgformer_memory *memory);

/**
 * What the model takes on the device now.
 */
wgformer_status wgformer_tagger_memory(const wgformer_tagger *tagger, wgformer_memory *memory);

/**
 * What the model takes on the device now.
 */
wgformer_status wgformer_answerer_memory(const wgformer_answerer *answerer,
                                         wgformer_memory *memory);

/**
 * What the model takes on the device now, its head included.
 */
wgformer_status wgformer_filler_memory(const wgformer_filler *filler, wgformer_memory *memory);

/**
 * What the index takes on the device now: its vectors, as far as they are there, and what searches have allocated, which
 * is counted as one run.
 */
wgformer_status wgformer_index_memory(const wgformer_index *index,
                                      wgformer_memory *memory);

/**
 * What an index of so many vectors would take on the device, and one run of a search for `k` hits; nothing is allocated.
 *
 * `dimensions`: the length of a vector, in floats. `options`: null for the defaults.
 */
wgformer_status wgformer_index_memory_needed(const wgformer_gpu *gpu,
                                             size_t dimensions,
                                             size_t count,
                                             size_t k,
                                             const wgformer_index_options *options,
                                             wgformer_memory *memory);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_embedder_warm_up(const wgformer_embedder *embedder);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_sparse_embedder_warm_up(const wgformer_sparse_embedder *sparse_embedder);

/**
 * Runs each of the pipelines of model and comparison once.
 */
wgformer_status wgformer_late_interaction_warm_up(const wgformer_late_interaction *late_interaction);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_classifier_warm_up(const wgformer_classifier *classifier);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_zero_shot_warm_up(const wgformer_zero_shot *zero_shot);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_reranker_warm_up(const wgformer_reranker *reranker);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_tagger_warm_up(const wgformer_tagger *tagger);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_answerer_warm_up(const wgformer_answerer *answerer);

/**
 * Runs each of the model's pipelines once.
 */
wgformer_status wgformer_filler_warm_up(const wgformer_filler *filler);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WGFORMER_H */
