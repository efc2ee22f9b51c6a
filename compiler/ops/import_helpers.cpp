#include "compiler/ops/import_helpers.h"

#include <algorithm>

namespace tegula::compiler {

Status expect_inputs(const OnnxNode& node, std::size_t required, std::size_t most) {
  for (std::size_t i = 0; i < required; ++i)
    if (node.input(i) == nullptr) return node.invalid(concat("input ", i, " is missing"));
  if (node.inputs.size() > most)
    return node.invalid(concat("has ", node.inputs.size(), " inputs; at most ", most, " expected"));
  return {};
}

Result<int64_t> checked_axis(const OnnxNode& node, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    return node.invalid(concat("axis ", axis, " is out of range for ", rank, " dimensions"));
  return axis < 0 ? axis + rank : axis;
}

Result<std::vector<int64_t>> checked_axes(const OnnxNode& node, const std::vector<int64_t>& axes, int rank) {
  std::vector<int64_t> checked;
  for (const int64_t axis : axes) {
    TEGULA_ASSIGN_OR_RETURN(const int64_t normal, checked_axis(node, axis, rank));
    checked.push_back(normal);
  }
  std::sort(checked.begin(), checked.end());
  if (std::adjacent_find(checked.begin(), checked.end()) != checked.end())
    return node.invalid("an axis is given twice");
  return checked;
}

Result<int64_t> constant_dim(const OnnxNode& node, const Dim& dim, std::string_view what) {
  if (!dim.is_constant())
    return node.unsupported(concat(what, " (", dim.to_string(), ") must be a number: fix it (--dim or --shape)"));
  return dim.value();
}

Literal scalar_literal(DType dtype, double number) {
  switch (dtype) {
    case DType::kF64: return Literal::scalar(number);
    case DType::kS8: return Literal::scalar(static_cast<int8_t>(number));
    case DType::kU8: return Literal::scalar(static_cast<uint8_t>(number));
    case DType::kS16: return Literal::scalar(static_cast<int16_t>(number));
    case DType::kU16: return Literal::scalar(static_cast<uint16_t>(number));
    case DType::kS32: return Literal::scalar(static_cast<int32_t>(number));
    case DType::kU32: return Literal::scalar(static_cast<uint32_t>(number));
    case DType::kS64: return Literal::scalar(static_cast<int64_t>(number));
    case DType::kU64: return Literal::scalar(static_cast<uint64_t>(number));
    case DType::kBool:
      return Literal::make(DType::kBool, {},
                           [&](const kernels::TensorView& view) { *view.data = std::byte{number != 0}; });
    case DType::kF32:
    case DType::kBF16:
    case DType::kF16: break;
  }
  return Literal::scalar(static_cast<float>(number));
}

Value* scalar(ImportContext& context, DType dtype, double number) {
  return context.build.constant(scalar_literal(dtype, number), "scalar");
}

Result<Value*> reshaped(ImportContext& context, Value* value, const Shape& shape) {
  const auto dims = constant_dims(shape);
  if (value->is_constant() && dims && checked_element_count(*dims) == value->literal->count())
    return value->literal->dims() == *dims ? value
                                           : context.build.constant(value->literal->reshaped(*dims), value->name);
  return context.build.reshape(value, shape);
}

Result<Value*> aligned_to_axis(ImportContext& context, Value* value, int64_t axis, int rank) {
  Shape shape = value->shape;
  shape.insert(shape.end(), static_cast<std::size_t>(rank - axis - 1), Dim(1));
  return reshaped(context, value, shape);
}

Result<Value*> with_scalar(ImportContext& context, Function function, Value* value, double number) {
  return context.build.function(function, {value, scalar(context, value->dtype, number)});
}

}  // namespace tegula::compiler
