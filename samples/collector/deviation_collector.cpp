// A collector of one's own: each tensor is quantized from `k` standard deviations below its mean to as many above, but
// not beyond its extremes.
//   aotc calibrate net.onnx --data photos/ -o net.json --collector ./libdeviation_collector.so=k=6
// The ranges stand in the profile under the name "deviation".
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <map>
#include <string>

#include "tegula/collector.h"

namespace {

struct Moments {
  double count = 0, sum = 0, sum_of_squares = 0;
  float low = std::numeric_limits<float>::infinity(), high = -low;
};

struct State {
  double k = 6;
  std::map<std::string, Moments> tensors;
};

/// No exception may leave a function that C sees: each becomes an error.
template <typename Function>
int guarded(char* error, const Function& function) {
  try {
    return function();
  } catch (const std::exception& exception) {
    std::snprintf(error, TEGULA_COLLECTOR_ERROR_BYTES, "%s", exception.what());
    return TEGULA_COLLECTOR_ERROR;
  }
}

int create(const char* options, void** state, char* error) {
  return guarded(error, [&]() -> int {
    double k = 6;
    if (*options != '\0') {
      char* end = nullptr;
      k = std::strncmp(options, "k=", 2) == 0 ? std::strtod(options + 2, &end) : 0;
      if (end == nullptr || *end != '\0' || !(k > 0)) {
        std::snprintf(error, TEGULA_COLLECTOR_ERROR_BYTES, "expected k=NUMBER, a number above 0");
        return TEGULA_COLLECTOR_ERROR;
      }
    }
    *state = new State{k, {}};
    return TEGULA_COLLECTOR_OK;
  });
}

int collect(void* state, const tegula_collector_tensor* tensor, char* error) {
  return guarded(error, [&]() -> int {
    Moments& moments = static_cast<State*>(state)->tensors[tensor->name];
    for (std::size_t i = 0; i < tensor->count; ++i) {
      const float value = tensor->values[i];
      if (!std::isfinite(value)) continue;
      moments.count += 1;
      moments.sum += value;
      moments.sum_of_squares += static_cast<double>(value) * value;
      moments.low = std::min(moments.low, value);
      moments.high = std::max(moments.high, value);
    }
    return TEGULA_COLLECTOR_OK;
  });
}

int range(void* state, const char* tensor, float* low, float* high, char* error) {
  return guarded(error, [&]() -> int {
    const State& collector = *static_cast<State*>(state);
    const auto found = collector.tensors.find(tensor);
    if (found == collector.tensors.end() || found->second.count == 0) return TEGULA_COLLECTOR_NO_RANGE;
    const Moments& moments = found->second;
    const double mean = moments.sum / moments.count;
    const double variance = std::max(moments.sum_of_squares / moments.count - mean * mean, 0.0);
    const double reach = collector.k * std::sqrt(variance);
    *low = std::clamp(static_cast<float>(mean - reach), moments.low, moments.high);
    *high = std::clamp(static_cast<float>(mean + reach), moments.low, moments.high);
    return TEGULA_COLLECTOR_OK;
  });
}

void destroy(void* state) {
  delete static_cast<State*>(state);
}

constexpr tegula_collector kCollector = {
    .version = TEGULA_COLLECTOR_VERSION,
    .struct_bytes = sizeof(tegula_collector),
    .name = "deviation",
    .create = create,
    .wants = nullptr,  // every tensor
    .collect = collect,
    .range = range,
    .destroy = destroy,
};

}  // namespace

extern "C" const tegula_collector* tegula_get_collector() {
  return &kCollector;
}
