/*
 * wgformer: transformer encoders on any GPU.
 *
 * A program opens a GPU, loads a model on it and asks it about texts, as examples/c/embed.c and examples/c/tasks.c do.
 * (This file is made by cbindgen from src/c_api/.)
 *
 * Tasks
 *   wgformer_embedder    vectors, and the sentences that stand for a text
 *   wgformer_classifier  scores of the model's labels
 *   wgformer_zero_shot   scores of any labels
 *   wgformer_reranker    scores of texts for a query
 *   wgformer_tagger      what texts name, or labels of their tokens
 *   wgformer_answerer    answers to questions in texts
 *   wgformer_filler      what could stand at masked words
 *   Each has the functions _load, _clone and _free, and one that does its work. A result of a size that is known before
 *   goes to the caller's array; any other is a list, which has the functions _count, _get and _free.
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
 *   A row of a list and the strings that it points to are the list's, and stay until it is freed; a later release may add
 *   to the end of a row. Strings that a function returns are the library's, and stay as long as its comment says. A NUL
 *   inside of a string is written as \0. What the caller passes is only read or written during the call, and stays the
 *   caller's.
 *
 * Pointers
 *   Null where a function needs something is an error that names the argument. Any other pointer must be to what the
 *   function says, and no handle may be used after it was freed: the library cannot tell. Strings are in UTF-8.
 *
 * Threads
 *   Any thread may call any function, and several may use one handle at once. Only while a handle is freed, or options
 *   are set, must no other thread use that handle: a model's function that ends in _clone gives each thread one of its
 *   own to free. Calls return when they are done. Those that run on one device at once take turns on it.
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
     * A file of the model is broken, contradicts another, or has not the head that the task needs.
     */
    WGFORMER_STATUS_MALFORMED = 3,
    /**
     * The model asks for something that this library, or this adapter, does not do.
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
     * Something needs more than the device allows.
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
     * A call was not done by the time that it was given.
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
 * How a model is loaded, for every task but embeddings, whose wgformer_embedder_options say it too.
 */
typedef struct wgformer_model_options wgformer_model_options;

/**
 * A cross-encoder, which reads a query and a text together, with its tokenizer.
 */
typedef struct wgformer_reranker wgformer_reranker;

/**
 * Sentences of a text, the most central first.
 */
typedef struct wgformer_sentences wgformer_sentences;

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
 * A part of a text, and what it is.
 */
typedef struct {
    /**
     * The place of its text, counted from 0.
     */
    size_t index;
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
     * The place of its text, counted from 0.
     */
    size_t index;
    /**
     * Which of the text's masks, counted from 0.
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
 * Whether vectors are brought to length 1.
 */
wgformer_status wgformer_embedder_options_set_normalize(wgformer_embedder_options *options,
                                                        bool normalize);

/**
 * The most tokens in one GPU batch, at least 1; a longer text goes alone. Where it is not set, the adapter decides.
 */
wgformer_status wgformer_embedder_options_set_batch_tokens(wgformer_embedder_options *options,
                                                           size_t batch_tokens);

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
 * The longest text, in tokens; what is longer is cut. 0 for null.
 */
size_t wgformer_embedder_max_tokens(const wgformer_embedder *embedder);

/**
 * Writes one vector per text, in order, and waits for it: row-major, `[count, dimensions]`.
 *
 * `capacity`: the room at `vectors`, in floats, at least `count` times wgformer_embedder_dimensions. A call that
 * fails writes nothing there. A text's vector does not depend on the other texts, to the bit.
 */
wgformer_status wgformer_embedder_embed(const wgformer_embedder *embedder,
                                        const wgformer_text *texts,
                                        size_t count,
                                        float *vectors,
                                        size_t capacity);

/**
 * Frees the handle, and the model with the last of its handles; null is ignored.
 */
void wgformer_embedder_free(wgformer_embedder *embedder);

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
 * `options`: null for the defaults. What is longer than the model takes is cut.
 */
wgformer_status wgformer_tagger_tag(const wgformer_tagger *tagger,
                                    const wgformer_text *texts,
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
 */
wgformer_status wgformer_filler_fill(const wgformer_filler *filler,
                                     const wgformer_text *texts,
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WGFORMER_H */
