#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace tegula::perf {

/// Memory aligned to 64 bytes and filled with small numbers.
class Buffer {
 public:
  explicit Buffer(int64_t elements) : elements_(elements) {
    const std::size_t bytes = (static_cast<std::size_t>(elements) * sizeof(float) + 127) / 64 * 64;
    data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (!data_) throw std::bad_alloc();
    for (int64_t i = 0; i < elements; ++i) data_.get()[i] = static_cast<float>(i * 7919 % 17) / 16.0f - 0.5f;
  }

  float* data() const { return data_.get(); }
  int64_t elements() const { return elements_; }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  int64_t elements_;
  std::unique_ptr<float, Free> data_;
};

}  // namespace tegula::perf
