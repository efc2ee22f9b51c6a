// ONNX operators that become a reshape, or nothing at all: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout.
#include <algorithm>

#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

/// Whether the value of an element of a shape input can decide what `dim` is.
bool depends_on_input(const Dim& dim) {
  std::vector<std::string> symbols;
  dim.collect_symbols(symbols);
  return std::any_of(symbols.begin(), symbols.end(), [](const std::string& name) { return name.ends_with(']'); });
}

/// ONNX's requested dimensions with 0 (keep) and -1 (infer) resolved. A size that is computed from sizes is taken as it
/// is: only constants and elements of shape inputs can ask for one of the two.
Result<Shape> resolve(const OnnxNode& node, const Shape& requested, const Shape& from, bool allow_zero) {
  Shape resolved = requested;
  Dim others = 1, inferred_somewhere = 0;
  for (std::size_t i = 0; i < requested.size(); ++i) {
    const Dim& dim = requested[i];
    const bool is_open = dim.is_constant() || depends_on_input(dim);
    if (dim.is_constant() && dim.value() < -1) return node.invalid(concat("the size ", dim.value(), " is negative"));
    if (!allow_zero && is_open) {
      if (i >= from.size()) {
        if (dim.is(0))
          return node.invalid(concat("size ", i, " is 0, but the input has only ", from.size(), " dimensions"));
      } else {
        resolved[i] = select(equal(dim, 0), from[i], dim);
      }
    }
    const Dim is_inferred = is_open ? equal(dim, -1) : Dim(0);
    if (is_inferred.is(1) && inferred_somewhere.is(1)) return node.invalid("two sizes are -1");
    inferred_somewhere = max(inferred_somewhere, is_inferred);
    others = others * select(is_inferred, 1, resolved[i]);
  }
  if (inferred_somewhere.is(0)) return resolved;
  if (others.is(0)) return node.invalid("a size of -1 cannot be inferred beside a size of 0");
  const Dim inferred = floor_div(product(from), others);
  for (std::size_t i = 0; i < resolved.size(); ++i)
    if (requested[i].is(-1) || depends_on_input(requested[i]))
      resolved[i] = select(equal(requested[i], -1), inferred, resolved[i]);
  return resolved;
}

/// The axes of Squeeze and Unsqueeze: an attribute before 13, then an input.
Result<std::optional<std::vector<int64_t>>> read_axes(ImportContext& context, const OnnxNode& node) {
  if (node.version >= 13) {
    if (node.input(1) == nullptr) return std::optional<std::vector<int64_t>>();
    TEGULA_ASSIGN_OR_RETURN(std::vector<int64_t> axes, context.constant_ints(node, 1));
    return std::optional(std::move(axes));
  }
  if (!node.attributes.has("axes")) return std::optional<std::vector<int64_t>>();
  return std::optional(node.attributes.ints("axes"));
}

Result<std::vector<Value*>> one(Result<Value*> value) {
  if (!value.ok()) return std::move(value).error();
  return ImportedValues{*value};
}

}  // namespace

/// Reshape 5, 13, 14, 19, 21 (shape is an input); 1 (an attribute).
Result<std::vector<Value*>> import_reshape(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, node.version >= 5 ? 2 : 1, 2));
  Value* src = node.inputs[0];
  Shape requested = node.attributes.dims("shape");
  if (node.version >= 5) {
    TEGULA_ASSIGN_OR_RETURN(requested, context.shape_operand(node, 1));
  }
  TEGULA_ASSIGN_OR_RETURN(Shape shape, resolve(node, requested, src->shape, node.attributes.flag("allowzero")));
  return one(context.build.reshape(src, std::move(shape)));
}

/// Flatten 1, 9, 11, 13, 21.
Result<std::vector<Value*>> import_flatten(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  Value* src = node.inputs[0];
  const int64_t rank = src->rank();
  int64_t axis = node.attributes.integer("axis", 1);
  if (axis < -rank || axis > rank)
    return node.invalid(concat("axis ", axis, " is out of range for ", rank, " dimensions"));
  if (axis < 0) axis += rank;
  const auto at = static_cast<std::size_t>(axis);
  return one(context.build.reshape(src, {product(src->shape, 0, at), product(src->shape, at)}));
}

/// Squeeze 1, 11, 13, 21. Without axes every dimension of 1 goes; one that is known only when shapes are bound stays,
/// and must not be 1 then, since the rank is settled here.
Result<std::vector<Value*>> import_squeeze(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 2));
  Value* src = node.inputs[0];
  TEGULA_ASSIGN_OR_RETURN(const auto given, read_axes(context, node));
  std::vector<int64_t> axes;
  if (given) {
    TEGULA_ASSIGN_OR_RETURN(axes, checked_axes(node, *given, src->rank()));
  }
  Shape shape;
  for (std::size_t d = 0; d < src->shape.size(); ++d) {
    const Dim& dim = src->shape[d];
    const Error error = node.invalid(concat("dimension ", d, " is ", dim.to_string(), ", not 1"));
    const bool named = std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end();
    if (given && named && !dim.is(1)) {
      if (dim.is_constant()) return error;
      context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, dim, 1, error.message});
    }
    if (!given && !dim.is_constant() && !dim.is_at_least(2)) {
      const Dim is_one = equal(dim, 1);
      const Error ambiguous = node.unsupported(concat("dimension ", d, " (", dim.to_string(),
                                                      ") is 1: give Squeeze its axes, or fix the dimension (--dim)"));
      context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, is_one, 0, ambiguous.message});
    }
    if (given ? !named : !dim.is(1)) shape.push_back(dim);
  }
  return one(context.build.reshape(src, std::move(shape)));
}

/// Unsqueeze 1, 11, 13, 21. Axes are those of the output.
Result<std::vector<Value*>> import_unsqueeze(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 2));
  Value* src = node.inputs[0];
  TEGULA_ASSIGN_OR_RETURN(const auto given, read_axes(context, node));
  if (!given) return node.invalid("the axes are missing");
  const int rank = src->rank() + static_cast<int>(given->size());
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, checked_axes(node, *given, rank));
  Shape shape = src->shape;
  for (const int64_t axis : axes) shape.insert(shape.begin() + axis, Dim(1));
  return one(context.build.reshape(src, std::move(shape)));
}

/// Identity, of tensors.
Result<std::vector<Value*>> import_identity(ImportContext&, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  return ImportedValues{node.inputs[0]};
}

/// Dropout 1, 6, 7, 10, 12, 13, 22, as inference runs it: the input, and a mask of ones.
Result<std::vector<Value*>> import_dropout(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 3));
  Value* src = node.inputs[0];
  if (node.version < 7 && !node.attributes.flag("is_test")) return node.unsupported("dropout in training");
  if (node.input(2) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> training, context.constant_ints(node, 2));
    bool drops = !training.empty() && training[0] != 0;
    if (drops && node.input(1) != nullptr) {
      TEGULA_ASSIGN_OR_RETURN(const std::vector<double> ratio, context.constant_numbers(node, 1));
      drops = ratio.empty() || ratio[0] != 0;
    }
    if (drops) return node.unsupported("dropout in training");
  }
  ImportedValues values = {src};
  if (node.output_names.size() > 1) {
    Value* mask = nullptr;
    if (node.wants_output(1)) {
      Value* ones = scalar(context, node.version < 10 ? src->dtype : DType::kBool, 1);
      TEGULA_ASSIGN_OR_RETURN(mask, context.build.add("expand", {ones}, {{"shape", src->shape}}));
    }
    values.push_back(mask);
  }
  return values;
}

}  // namespace tegula::compiler
