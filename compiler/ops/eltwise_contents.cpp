#include "compiler/ops/eltwise_contents.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

constexpr int64_t kMaxElements = 1024;
constexpr int64_t kMaxFloatElements = 16;

using Operands = std::array<Dim, 3>;

std::optional<int64_t> fits(int64_t value, DType type) {
  switch (type) {
    case DType::kS8: return static_cast<int8_t>(value);
    case DType::kU8: return static_cast<uint8_t>(value);
    case DType::kS16: return static_cast<int16_t>(value);
    case DType::kU16: return static_cast<uint16_t>(value);
    case DType::kS32: return static_cast<int32_t>(value);
    case DType::kU32: return static_cast<uint32_t>(value);
    case DType::kS64: return value;
    default: return std::nullopt;
  }
}

/// Sizes are taken to fit every type that holds them, constants wrap as the conversion does.
std::optional<Dim> convert(const Dim& x, DType from, DType to) {
  if (to == DType::kBool) return Dim(1) - equal(x, 0);
  if (is_float(to)) return to == DType::kF32 || to == DType::kF64 ? std::optional(x) : std::nullopt;
  if (!x.is_constant() || is_float(from)) return x;
  if (to == DType::kU64) return x.value() >= 0 ? std::optional(x) : std::nullopt;
  const auto wrapped = fits(x.value(), to);
  return wrapped ? std::optional<Dim>(*wrapped) : std::nullopt;
}

/// Quotient toward zero.
std::optional<Dim> divide(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant())
    return b.value() == 0 || b.value() == -1 ? Dim(b.value()) * a : a.value() / b.value();
  if (a.is_at_least(0) && b.is_at_least(0)) return floor_div(a, b);
  return std::nullopt;
}

std::optional<Dim> apply(const FunctionInstruction& instruction, const Operands& x, DType operand_type,
                         DType result_type) {
  const bool whole_division = !is_float(result_type);
  switch (instruction.function) {
    case Function::k_identity: return x[0];
    case Function::k_floor:
    case Function::k_ceil:
    case Function::k_round: return x[0];  // whole already
    case Function::k_cast: return convert(x[0], operand_type, instruction.to);
    case Function::k_abs: return max(x[0], Dim(0) - x[0]);
    case Function::k_neg: return Dim(0) - x[0];
    case Function::k_sign: return less(0, x[0]) - less(x[0], 0);
    case Function::k_relu: return max(x[0], 0);
    case Function::k_add: return x[0] + x[1];
    case Function::k_sub: return x[0] - x[1];
    case Function::k_mul: return x[0] * x[1];
    case Function::k_div: return whole_division ? divide(x[0], x[1]) : std::nullopt;
    case Function::k_mod: return mod(x[0], x[1]);
    case Function::k_fmod:
      return x[0].is_at_least(0) && x[1].is_at_least(0) ? std::optional(mod(x[0], x[1])) : std::nullopt;
    case Function::k_min: return min(x[0], x[1]);
    case Function::k_max: return max(x[0], x[1]);
    case Function::k_equal: return equal(x[0], x[1]);
    case Function::k_less: return less(x[0], x[1]);
    case Function::k_less_or_equal: return Dim(1) - less(x[1], x[0]);
    case Function::k_greater: return less(x[1], x[0]);
    case Function::k_greater_or_equal: return Dim(1) - less(x[0], x[1]);
    case Function::k_logical_not: return Dim(1) - x[0];
    case Function::k_logical_and: return x[0] * x[1];
    case Function::k_logical_or: return max(x[0], x[1]);
    case Function::k_logical_xor: return Dim(1) - equal(x[0], x[1]);
    case Function::k_where: return select(x[0], x[1], x[2]);
    default: return std::nullopt;
  }
}

/// Whether floor(d * scale) in double is what fp32 arithmetic gives for every size up to 65536.
bool is_exact_in_float(float scale) {
  for (int64_t size = 0; size <= 65536; ++size) {
    const float rounded = std::floor(static_cast<float>(size) * scale);
    if (static_cast<double>(rounded) != std::floor(static_cast<double>(size) * static_cast<double>(scale)))
      return false;
  }
  return true;
}

/// floor(size * scale), or a cast of it to an integer: what exporters write for the sizes of Resize.
std::optional<std::vector<Dim>> scaled_contents(const Node& node) {
  const FunctionInstruction* rounding = single_function(node);
  if (!rounding) return std::nullopt;
  const bool truncates = rounding->function == Function::k_cast && is_integer(rounding->to);
  if (rounding->function != Function::k_floor && !truncates) return std::nullopt;
  const Node* product = node.inputs[0]->producer;
  if (!is_function(product, Function::k_mul)) return std::nullopt;
  for (const std::size_t constant : {std::size_t{1}, std::size_t{0}}) {
    const Value &scale = *product->inputs[constant], &sizes = *product->inputs[1 - constant];
    if (!scale.is_constant() || scale.dtype != DType::kF32 || scale.literal->count() != 1) continue;
    const auto elements = known_elements(sizes);
    const float factor = scale.literal->at<float>(0);
    if (!elements || node.outputs.size() > 1 || !(factor >= 0) || !is_exact_in_float(factor)) continue;
    std::vector<Dim> scaled;
    for (const Dim& element : *elements) {
      if (!element.is_at_least(0)) return std::nullopt;  // truncation and floor differ
      scaled.push_back(scale_floor(element, static_cast<double>(factor)));
    }
    return scaled;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<Dim>> known_elements(const Value& value) {
  if (value.contents) return value.contents;
  if (!value.is_constant() || !is_float(value.dtype) || value.literal->count() > kMaxFloatElements) return std::nullopt;
  std::vector<Dim> elements;
  for (const double element : value.literal->to_doubles()) {
    if (!(std::abs(element) <= 0x1p24) || std::floor(element) != element) return std::nullopt;
    elements.push_back(static_cast<int64_t>(element));
  }
  return elements;
}

std::optional<std::vector<Dim>> eltwise_contents(const Node& node, const std::vector<DType>& types,
                                                 const Shape& shape) {
  const auto dims = constant_dims(shape);
  if (!dims || element_count(*dims) > kMaxElements) return std::nullopt;

  const FunctionProgram& program = node.attributes.program("program");
  std::vector<kernels::TensorView> views;  // for the strides of broadcasting only
  std::vector<std::vector<Dim>> inputs;
  std::vector<DType> all_types;
  for (const Value* input : node.inputs) {
    const auto input_dims = constant_dims(input->shape);
    auto elements = known_elements(*input);
    if (!input_dims || !elements) return scaled_contents(node);
    views.push_back(kernels::TensorView::contiguous(input->dtype, *input_dims, static_cast<const void*>(nullptr))
                        .broadcast_to(*dims));
    inputs.push_back(std::move(*elements));
    all_types.push_back(input->dtype);
  }
  all_types.insert(all_types.end(), types.begin(), types.end());

  std::vector<Dim> contents;
  kernels::TensorView result = kernels::TensorView::contiguous(DType::kS64, *dims, static_cast<const void*>(nullptr));
  kernels::OffsetWalk<1> walk(*dims, {&result});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
    std::vector<Dim> values;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      int64_t offset = 0;
      for (std::size_t d = 0; d < dims->size(); ++d) offset += walk.index()[d] * views[k].strides[d];
      values.push_back(inputs[k][static_cast<std::size_t>(offset)]);
    }
    for (std::size_t k = 0; k < program.instructions.size(); ++k) {
      const FunctionInstruction& instruction = program.instructions[k];
      const int arity = arity_of(instruction.function);
      const Operands operands = {values[instruction.a], arity > 1 ? values[instruction.b] : Dim(),
                                 arity > 2 ? values[instruction.c] : Dim()};
      auto value = apply(instruction, operands, all_types[instruction.a], types[k]);
      if (!value) return std::nullopt;
      values.push_back(std::move(*value));
    }
    contents.push_back(values.back());
  }
  return contents;
}

}  // namespace tegula::compiler
