// A collector that does what the environment variable TEGULA_FAULT says, for tests of what aotc makes of it.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tegula/collector.h"

namespace {

bool fault(const char* name) {
  const char* wanted = std::getenv("TEGULA_FAULT");
  return wanted != nullptr && std::strcmp(wanted, name) == 0;
}

int fail(char* error, const char* text) {
  std::snprintf(error, TEGULA_COLLECTOR_ERROR_BYTES, "%s", text);
  return TEGULA_COLLECTOR_ERROR;
}

int create(const char*, void** state, char* error) {
  *state = nullptr;
  return fault("create") ? fail(error, "no such\noption") : TEGULA_COLLECTOR_OK;
}

int wants(void*, const char* tensor) {
  return std::strcmp(tensor, "probabilities") == 0;
}

int collect(void*, const tegula_collector_tensor* tensor, char* error) {
  if (fault("collect") && tensor->sample == 2) return fail(error, "the third sample is odd");
  if (fault("silent")) return TEGULA_COLLECTOR_ERROR;
  return tensor->struct_bytes == sizeof(tegula_collector_tensor) && tensor->rank == 2 && tensor->dims[1] == 10
             ? TEGULA_COLLECTOR_OK
             : fail(error, "unexpected tensor");
}

int range(void*, const char*, float* low, float* high, char* error) {
  if (fault("none")) return TEGULA_COLLECTOR_NO_RANGE;
  if (fault("range")) return fail(error, "cannot decide");
  *low = fault("nan") ? std::nanf("") : fault("order") ? 2.0f : -1.0f;
  *high = 1;
  return TEGULA_COLLECTOR_OK;
}

void destroy(void*) {}

}  // namespace

extern "C" const tegula_collector* tegula_get_collector() {
  static tegula_collector table;
  table = {TEGULA_COLLECTOR_VERSION, sizeof(tegula_collector), "faulty", create, wants, collect, range, destroy};
  if (fault("null")) return nullptr;
  if (fault("version")) table.version = 2;
  if (fault("size")) table.struct_bytes = 8;
  if (fault("function")) table.range = nullptr;
  if (fault("name")) table.name = "a name";
  if (fault("taken")) table.name = "kl";
  return &table;
}
