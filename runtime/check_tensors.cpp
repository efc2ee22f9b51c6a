#include "runtime/check_tensors.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "runtime/plan/bind_values.h"
#include "runtime/printable.h"
#include "schema/base/visit_dtype.h"

namespace tegula::runtime {
namespace {

template <typename... Parts>
Error wrong(const char* kind, std::string_view name, const Parts&... parts) {
  return Error{ErrorCode::kInvalidArgument, concat(kind, " ", quoted(name), ": ", parts...)};
}

// Integers keep their value, reals the bits of a double (schema/expressions.h).
template <typename T>
void widen(const void* data, std::span<int64_t> elements) {
  for (std::size_t i = 0; i < elements.size(); ++i) {
    T value;
    std::memcpy(&value, static_cast<const char*>(data) + i * sizeof(T), sizeof(T));
    if constexpr (std::is_floating_point_v<T>) {
      elements[i] = std::bit_cast<int64_t>(static_cast<double>(value));
    } else {
      elements[i] = static_cast<int64_t>(value);
    }
  }
}

struct Range {
  uintptr_t begin, end;

  Range(const void* data, DType dtype, std::span<const int64_t> dims)
      : begin(reinterpret_cast<uintptr_t>(data)),
        end(begin + static_cast<uintptr_t>(element_count(dims)) * size_of(dtype)) {}
  bool overlaps(const Range& other) const {
    return begin < end && other.begin < other.end && begin < other.end && other.begin < end;
  }
};

}  // namespace

int64_t find_port(const std::vector<ProgramModel::Port>& ports, std::string_view name, std::size_t guess) {
  if (guess < ports.size() && ports[guess].name == name) return static_cast<int64_t>(guess);
  for (std::size_t i = 0; i < ports.size(); ++i)
    if (ports[i].name == name) return static_cast<int64_t>(i);
  return -1;
}

Status check_tensor(const ProgramModel& model, const char* kind, const ProgramModel::Port& port, DType dtype,
                    std::span<const int64_t> dims, const void* data, bool needs_data) {
  const ProgramModel::Value& value = model.values[port.value];
  if (dtype != value.dtype)
    return wrong(kind, port.name, "is ", name_of(dtype), ", the program has ", name_of(value.dtype));
  if (static_cast<int>(dims.size()) != value.rank)
    return wrong(kind, port.name, "has shape ", to_string(dims), ", the program has ", value.rank, " dimensions");
  const auto count = checked_element_count(dims);
  if (!count || *count > kLargestBytes) return wrong(kind, port.name, "has the impossible shape ", to_string(dims));
  if (!needs_data || *count == 0) return {};
  if (data == nullptr) return wrong(kind, port.name, "has no data");
  if (reinterpret_cast<uintptr_t>(data) % size_of(dtype) != 0)
    return wrong(kind, port.name, "its data is not aligned to its elements of ", size_of(dtype), " bytes");
  return {};
}

void read_elements(DType dtype, const void* data, std::span<int64_t> elements) {
  TEGULA_CHECK(has_native_type(dtype), "the validator admits no other type that feeds shapes");
  visit_native(dtype, [&]<typename T>(T) { widen<T>(data, elements); });
}

Status check_overlaps(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs) {
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const Range output(outputs[o].tensor.data, outputs[o].tensor.dtype, outputs[o].tensor.dims);
    for (const NamedInput& input : inputs)
      if (output.overlaps(Range(input.tensor.data, input.tensor.dtype, input.tensor.dims)))
        return wrong("output", outputs[o].name, "shares memory with input ", quoted(input.name),
                     "; give it memory of its own");
    for (std::size_t other = 0; other < o; ++other)
      if (output.overlaps(Range(outputs[other].tensor.data, outputs[other].tensor.dtype, outputs[other].tensor.dims)))
        return wrong("output", outputs[o].name, "shares memory with output ", quoted(outputs[other].name),
                     "; give it memory of its own");
  }
  return {};
}

}  // namespace tegula::runtime
