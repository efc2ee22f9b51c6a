#include "compiler/graph/attributes.h"

#include "schema/base/result.h"

namespace tegula::compiler {
namespace {

template <typename T>
const T* find(const std::map<std::string, Attribute, std::less<>>& map, std::string_view name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : std::get_if<T>(&found->second);
}

[[noreturn]] void fail(std::string_view name, const char* why) {
  throw AttributeTypeError(concat("attribute '", name, "' ", why));
}

}  // namespace

void Attributes::erase(std::string_view name) {
  if (const auto found = map_.find(name); found != map_.end()) map_.erase(found);
}

int64_t Attributes::integer(std::string_view name, int64_t absent) const {
  if (!has(name)) return absent;
  const auto* value = find<int64_t>(map_, name);
  if (!value) fail(name, "is no integer");
  return *value;
}

double Attributes::number(std::string_view name, double absent) const {
  if (!has(name)) return absent;
  if (const auto* value = find<double>(map_, name)) return *value;
  return static_cast<double>(integer(name));
}

std::string Attributes::text(std::string_view name, std::string_view absent) const {
  if (!has(name)) return std::string(absent);
  const auto* value = find<std::string>(map_, name);
  if (!value) fail(name, "is no text");
  return *value;
}

std::vector<int64_t> Attributes::ints(std::string_view name) const {
  if (!has(name)) return {};
  if (const auto* value = find<std::vector<int64_t>>(map_, name)) return *value;
  if (const auto* value = find<Shape>(map_, name)) {
    const auto constants = constant_dims(*value);
    if (!constants) fail(name, "depends on symbols");
    return *constants;
  }
  if (const auto* value = find<std::vector<double>>(map_, name)) {
    if (!value->empty()) fail(name, "is a list of floats");
    return {};
  }
  return {integer(name)};
}

std::vector<double> Attributes::numbers(std::string_view name) const {
  if (!has(name)) return {};
  if (const auto* value = find<std::vector<double>>(map_, name)) return *value;
  if (find<double>(map_, name)) return {number(name)};
  const std::vector<int64_t> integers = ints(name);
  return std::vector<double>(integers.begin(), integers.end());
}

std::vector<std::string> Attributes::texts(std::string_view name) const {
  if (!has(name)) return {};
  if (const auto* value = find<std::vector<std::string>>(map_, name)) return *value;
  return {text(name)};
}

Shape Attributes::dims(std::string_view name) const {
  if (const auto* value = find<Shape>(map_, name)) return *value;
  return to_shape(ints(name));
}

DType Attributes::dtype(std::string_view name, DType absent) const {
  if (!has(name)) return absent;
  const auto* value = find<DType>(map_, name);
  if (!value) fail(name, "is no element type");
  return *value;
}

const FunctionProgram& Attributes::program(std::string_view name) const {
  const auto* value = find<FunctionProgram>(map_, name);
  if (!value) fail(name, "is no program of elementwise functions");
  return *value;
}

}  // namespace tegula::compiler
