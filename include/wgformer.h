/*
 * wgformer: transformer encoders on any GPU.
 *
 * A program opens a GPU, loads a model on it and embeds texts, as examples/c/embed.c does. (This file is made by
 * cbindgen from src/c_api/.)
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
 *   Strings that a function returns are the library's, and stay as long as its comment says. What the caller passes is
 *   only read or written during the call, and stays the caller's.
 *
 * Pointers
 *   Null where a function needs something is an error that names the argument. Any other pointer must be to what the
 *   function says, and no handle may be used after it was freed: the library cannot tell. Strings are in UTF-8.
 *
 * Threads
 *   Any thread may call any function, and several may use one handle at once. Only while a handle is freed, or options
 *   are set, must no other thread use that handle: wgformer_embedder_clone gives each thread one of its own to free.
 *   Calls return when they are done. Those that run on one device at once take turns on it.
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
     * A file of the model is broken or contradicts another.
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
     * The model overflows on a text: its vector would hold an infinity or a NaN.
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
 * A model with its tokenizer and its pooling.
 */
typedef struct wgformer_embedder wgformer_embedder;

/**
 * How an embedder is loaded. Whatever is not set, the model's own files decide.
 */
typedef struct wgformer_embedder_options wgformer_embedder_options;

/**
 * A device with what was compiled for it.
 */
typedef struct wgformer_gpu wgformer_gpu;

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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WGFORMER_H */
