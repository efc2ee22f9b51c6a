/* The interface of user-defined collectors, in C: a shared library that sees the tensors of a calibration run and says
 * for each of them between which values it shall be quantized. `aotc calibrate --collector libmine.so` loads it; the
 * ranges go into the profile under the collector's name, by which a quantization configuration asks for them.
 *
 * The library exports one function:
 *
 *   const tegula_collector* tegula_get_collector(void);
 *
 * which returns a table that stays valid for as long as the library is loaded. All calls come from one thread, in this
 * order: create; for each sample collect for its tensors, in execution order, samples in their order; range for each
 * tensor; destroy. Functions that return int return TEGULA_COLLECTOR_OK, or an error with a text in `error`, a buffer of
 * TEGULA_COLLECTOR_ERROR_BYTES that starts out empty. No exception may leave a function. */
#ifndef TEGULA_COLLECTOR_H
#define TEGULA_COLLECTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a member changes its meaning; members are only added at the end otherwise. */
#define TEGULA_COLLECTOR_VERSION 1
#define TEGULA_COLLECTOR_ERROR_BYTES 512

enum {
  TEGULA_COLLECTOR_OK = 0,
  TEGULA_COLLECTOR_ERROR = 1,   /* ends the calibration with the error's text */
  TEGULA_COLLECTOR_NO_RANGE = 2 /* of range(): the collector has none for this tensor */
};

/* A tensor of one sample: row-major, channels last where the model has channels. Valid during the call. */
typedef struct tegula_collector_tensor {
  size_t struct_bytes;
  const char* name;    /* as the profile has it */
  const float* values; /* `count` of them; NaN and infinities may be among them */
  size_t count;
  const int64_t* dims;
  size_t rank;
  int64_t sample; /* from 0 on */
} tegula_collector_tensor;

typedef struct tegula_collector {
  uint32_t version;    /* TEGULA_COLLECTOR_VERSION */
  size_t struct_bytes; /* sizeof(tegula_collector) */
  const char* name;    /* letters, digits, '_' and '-'; none of minmax, moving_average, percentile, kl, mse */

  /* `options`: the text behind the library's name on the command line, or "". Puts the collector's state into *state. */
  int (*create)(const char* options, void** state, char* error);
  /* Whether to collect this tensor; may be NULL: all. */
  int (*wants)(void* state, const char* tensor);
  int (*collect)(void* state, const tegula_collector_tensor* tensor, char* error);
  /* low <= high, both finite. */
  int (*range)(void* state, const char* tensor, float* low, float* high, char* error);
  /* Also after an error; not when create failed. */
  void (*destroy)(void* state);
} tegula_collector;

typedef const tegula_collector* (*tegula_get_collector_function)(void);
#define TEGULA_GET_COLLECTOR "tegula_get_collector"

#ifdef __cplusplus
}
#endif
#endif
