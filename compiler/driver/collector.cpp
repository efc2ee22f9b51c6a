#include "compiler/driver/collector.h"

#include <dlfcn.h>

#include <array>
#include <cmath>
#include <cstring>

#include "compiler/data/tensor_data.h"
#include "compiler/quantize/choose_range.h"

namespace tegula::driver {
namespace {

using data::in_quotes;
using ErrorText = std::array<char, TEGULA_COLLECTOR_ERROR_BYTES>;

struct CloseLibrary {
  void operator()(void* library) const { ::dlclose(library); }
};

std::string printable_error(ErrorText& text) {
  text.back() = '\0';
  return text.front() == '\0' ? "no reason given" : in_quotes(text.data());
}

/// What a table must hold before anything else of it is looked at.
Status check(const tegula_collector* table) {
  const auto error = [](const auto&... parts) { return Error{ErrorCode::kInvalidArgument, concat(parts...)}; };
  if (table == nullptr) return error(TEGULA_GET_COLLECTOR, " returns no table");
  if (table->version != TEGULA_COLLECTOR_VERSION)
    return error("it is built for version ", table->version, " of tegula/collector.h; this aotc has version ",
                 TEGULA_COLLECTOR_VERSION, ": rebuild it");
  if (table->struct_bytes < sizeof(tegula_collector))
    return error("its table has ", table->struct_bytes, " bytes instead of ", sizeof(tegula_collector));
  if (table->create == nullptr || table->collect == nullptr || table->range == nullptr || table->destroy == nullptr)
    return error("its table lacks create, collect, range or destroy");
  const std::string_view name = table->name == nullptr ? "" : table->name;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  if (name.empty() || name.size() > 64 || name.find_first_not_of(kAllowed) != std::string_view::npos)
    return error("a collector's name has 1 to 64 letters, digits, '_' and '-', not ", in_quotes(name));
  if (compiler::range_algorithm(name)) return error("'", name, "' is one of aotc's own algorithms, not a free name");
  return {};
}

}  // namespace

struct Collector::State {
  std::string where;  // for messages
  std::unique_ptr<void, CloseLibrary> library;
  const tegula_collector* table = nullptr;
  std::string name;
  void* state = nullptr;
  bool created = false;

  ~State() {
    if (created) table->destroy(state);
  }

  Error error(const std::string& what) const { return {ErrorCode::kInvalidArgument, concat(where, ": ", what)}; }
};

Collector::Collector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Collector::Collector(Collector&&) noexcept = default;
Collector::~Collector() = default;

const std::string& Collector::name() const {
  return state_->name;
}

Result<Collector> Collector::load(const std::filesystem::path& path, const std::string& options) {
  auto state = std::make_unique<State>();
  state->where = concat("collector ", in_quotes(path.native()));
  // A name without a folder would be searched for in the system's.
  std::error_code ignored;
  const std::filesystem::path absolute = std::filesystem::absolute(path, ignored);
  state->library.reset(::dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!state->library) {
    const char* reason = ::dlerror();
    return state->error(concat("it cannot be loaded: ", in_quotes(reason == nullptr ? "" : reason)));
  }
  void* const symbol = ::dlsym(state->library.get(), TEGULA_GET_COLLECTOR);
  if (symbol == nullptr) return state->error("it has no function " TEGULA_GET_COLLECTOR);
  state->table = reinterpret_cast<tegula_get_collector_function>(symbol)();
  if (const Status status = check(state->table); !status.ok()) return state->error(status.error().message);
  state->name = state->table->name;
  ErrorText text{};
  if (state->table->create(options.c_str(), &state->state, text.data()) != TEGULA_COLLECTOR_OK)
    return state->error(concat("it refuses its options ", in_quotes(options), ": ", printable_error(text)));
  state->created = true;
  return Collector(std::move(state));
}

bool Collector::wants(const std::string& tensor) const {
  return state_->table->wants == nullptr || state_->table->wants(state_->state, tensor.c_str()) != 0;
}

Status Collector::collect(const std::string& tensor, int64_t sample, const ConstTensorRef& values) {
  const tegula_collector_tensor shown{sizeof(tegula_collector_tensor),
                                      tensor.c_str(),
                                      static_cast<const float*>(values.data),
                                      static_cast<std::size_t>(element_count(values.dims)),
                                      values.dims.data(),
                                      values.dims.size(),
                                      sample};
  ErrorText text{};
  if (state_->table->collect(state_->state, &shown, text.data()) == TEGULA_COLLECTOR_OK) return {};
  return state_->error(concat("tensor ", in_quotes(tensor), " of sample ", sample, ": ", printable_error(text)));
}

Result<std::optional<compiler::Range>> Collector::range(const std::string& tensor) {
  ErrorText text{};
  compiler::Range range;
  const int code = state_->table->range(state_->state, tensor.c_str(), &range.low, &range.high, text.data());
  if (code == TEGULA_COLLECTOR_NO_RANGE) return std::optional<compiler::Range>();
  if (code != TEGULA_COLLECTOR_OK)
    return state_->error(concat("range of tensor ", in_quotes(tensor), ": ", printable_error(text)));
  if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high)
    return state_->error(concat("range of tensor ", in_quotes(tensor), ": [", range.low, ", ", range.high,
                                "] is none: both ends are finite, and the first is not above the second"));
  return std::optional(range);
}

}  // namespace tegula::driver
