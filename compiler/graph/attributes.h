#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "compiler/graph/dim.h"
#include "schema/base/check.h"
#include "schema/base/dtype.h"
#include "schema/function.h"

namespace tegula::compiler {

using Attribute = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, Shape, DType,
                               FunctionProgram, std::vector<std::string>>;

/// Thrown by the readers of Attributes: the attribute is there with a type that cannot be converted. While importing this is
/// the model's fault, everywhere else ours.
class AttributeTypeError : public InternalError {
 public:
  using InternalError::InternalError;
};

/// Named parameters of a node. The op's file (compiler/ops/<op>.cpp) documents which it reads. Readers convert where
/// nothing is lost: ints() of one int, dims() of ints, number() of an int.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> list) : map_(list) {}

  bool has(std::string_view name) const { return map_.find(name) != map_.end(); }
  void set(std::string name, Attribute value) { map_.insert_or_assign(std::move(name), std::move(value)); }
  void erase(std::string_view name);

  // The default when absent; AttributeTypeError when present with a type that cannot be converted.
  int64_t integer(std::string_view name, int64_t absent = 0) const;
  bool flag(std::string_view name) const { return integer(name, 0) != 0; }
  double number(std::string_view name, double absent = 0) const;
  std::string text(std::string_view name, std::string_view absent = "") const;
  std::vector<int64_t> ints(std::string_view name) const;
  std::vector<double> numbers(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  Shape dims(std::string_view name) const;
  DType dtype(std::string_view name, DType absent = DType::kF32) const;
  const FunctionProgram& program(std::string_view name) const;

  const std::map<std::string, Attribute, std::less<>>& map() const { return map_; }
  std::map<std::string, Attribute, std::less<>>& map() { return map_; }
  bool operator==(const Attributes&) const = default;

 private:
  std::map<std::string, Attribute, std::less<>> map_;
};

}  // namespace tegula::compiler
