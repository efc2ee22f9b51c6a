#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/quantize/profile.h"
#include "schema/base/result.h"
#include "tegula/collector.h"
#include "tegula/tensor.h"

namespace tegula::driver {

/// A user-defined collector: a shared library behind the C interface of tegula/collector.h, loaded for as long as this
/// object lives. Every error names the library.
class Collector {
 public:
  /// Loads the library and makes its collector with `options`. kInvalidArgument: it cannot be loaded, is no collector,
  /// is built for another version of the interface, or refuses the options.
  static Result<Collector> load(const std::filesystem::path& library, const std::string& options);
  Collector(Collector&&) noexcept;
  ~Collector();

  const std::string& name() const;

  /// Whether it wants to see this tensor.
  bool wants(const std::string& tensor) const;
  /// Shows it one tensor of the next sample.
  Status collect(const std::string& tensor, int64_t sample, const ConstTensorRef& values);
  /// The range that it has found; nullopt: none for this tensor. After the last sample.
  Result<std::optional<compiler::Range>> range(const std::string& tensor);

 private:
  struct State;
  explicit Collector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tegula::driver
