// Running one node on literals.
#include <array>

#include "compiler/ops/op_def.h"
#include "kernels/float16.h"
#include "kernels/post_ops/post_op.h"

namespace tegula::compiler {
namespace {

using kernels::TensorView;

/// A literal whose bytes are aligned to its elements, for loops over typed pointers.
Literal aligned(const Literal& literal) {
  const auto address = reinterpret_cast<std::uintptr_t>(literal.bytes().data());
  if (address % size_of(literal.dtype()) == 0) return literal;
  return Literal::make(literal.dtype(), literal.dims(), [&](const TensorView& view) {
    std::copy(literal.bytes().begin(), literal.bytes().end(), view.data);
  });
}

Error cannot(const Node& node, std::string_view what) {
  return {ErrorCode::kUnsupported, concat("node '", name_of(node), "' (", node.op->name, "): ", what)};
}

/// The operand of a post-op as fp32.
Result<Literal> real_operand(const Node& node, const PostOp& post_op, const Literal& operand) {
  if (operand.dtype() == DType::kF32) return aligned(operand);
  if (operand.dtype() == DType::kBF16)
    return Literal::make(DType::kF32, operand.dims(), [&](const TensorView& view) {
      for (int64_t i = 0; i < operand.count(); ++i)
        view.as<float>()[i] = kernels::f32_from_bf16(operand.at<uint16_t>(i));
    });
  if (operand.dtype() != DType::kU8 && operand.dtype() != DType::kS8)
    return cannot(node, concat("a post-op's operand is ", name_of(operand.dtype())));
  return Literal::make(DType::kF32, operand.dims(), [&](const TensorView& view) {
    const auto zero_point = static_cast<float>(post_op.operand_zero_point);
    for (int64_t i = 0; i < operand.count(); ++i) {
      const auto q =
          static_cast<float>(operand.dtype() == DType::kU8 ? int{operand.at<uint8_t>(i)} : int{operand.at<int8_t>(i)});
      view.as<float>()[i] = (q - zero_point) * post_op.operand_scale;
    }
  });
}

Status run_post_ops(const Node& node, std::span<const Literal* const> operands, const TensorView& result) {
  if (node.post_ops.empty()) return {};
  if (result.dtype != DType::kF32) return cannot(node, "post-ops of a result that is not f32");
  kernels::PostOpChain chain;
  std::vector<TensorView> views(node.post_ops.size());
  std::vector<Literal> held(node.post_ops.size());
  for (std::size_t i = 0; i < node.post_ops.size(); ++i) {
    const PostOp& post_op = node.post_ops[i];
    kernels::PostOpDesc desc{.function = post_op.function,
                             .alpha = kernels::FloatBits(post_op.alpha),
                             .beta = kernels::FloatBits(post_op.beta),
                             .operand_first = post_op.operand_first};
    if (post_op.operand) {
      if (i >= operands.size() || !operands[i]) return cannot(node, "the operand of a post-op has no value");
      TEGULA_ASSIGN_OR_RETURN(held[i], real_operand(node, post_op, *operands[i]));
      views[i] = held[i].view().broadcast_to(result.shape());
      desc.operand = kernels::OperandKind::kTensor;
    }
    chain.push_back(desc);
  }
  TEGULA_RETURN_IF_ERROR(kernels::check_post_ops(chain));
  std::vector<float> values(chain.size());
  kernels::OffsetWalk<1> walk(result.shape(), {&result});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
    for (std::size_t k = 0; k < chain.size(); ++k) {
      if (!views[k].data) continue;
      int64_t offset = 0;
      for (int d = 0; d < views[k].rank; ++d)
        offset += walk.index()[static_cast<std::size_t>(d)] * views[k].strides[static_cast<std::size_t>(d)];
      values[k] = views[k].as<float>()[offset];
    }
    float& x = result.as<float>()[walk.offset(0)];
    x = kernels::apply_post_ops(chain, x, values);
  }
  return {};
}

}  // namespace

Result<std::vector<Literal>> evaluate(const Node& node, std::span<const Literal* const> inputs,
                                      std::span<const Literal* const> post_op_operands) {
  if (!node.op->evaluate && !node.op->is_view) return cannot(node, "has no plain loops to be evaluated with");
  std::vector<Literal> held(inputs.size());
  std::vector<TensorView> input_views(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i]) continue;
    held[i] = aligned(*inputs[i]);
    input_views[i] = held[i].view();
  }
  std::vector<Literal> outputs;
  std::vector<TensorView> output_views;
  for (const Value* output : node.outputs) {
    if (!output) {
      outputs.emplace_back();
      output_views.emplace_back();
      continue;
    }
    auto dims = constant_dims(output->shape);
    if (!dims) return cannot(node, concat("its shape ", to_string(output->shape), " depends on symbols"));
    if (node.op->is_view) return std::vector{inputs[0]->reshaped(std::move(*dims))};
    if (!checked_element_count(*dims))
      return cannot(node, concat("its shape ", to_string(output->shape), " is too large"));
    outputs.push_back(
        Literal::make(output->dtype, std::move(*dims), [&](const TensorView& view) { output_views.push_back(view); }));
  }
  const auto is_narrow = [](DType type) { return type == DType::kU8 || type == DType::kS8 || type == DType::kBF16; };
  const bool is_stored = node.op->store != nullptr && is_narrow(output_views[0].dtype);
  if (!is_stored) {
    TEGULA_RETURN_IF_ERROR(node.op->evaluate(node, input_views, output_views));
    TEGULA_RETURN_IF_ERROR(run_post_ops(node, post_op_operands, output_views[0]));
    return outputs;
  }
  const TensorView quantized = output_views[0];
  const Literal real =
      Literal::make(DType::kF32, outputs[0].dims(), [&](const TensorView& view) { output_views[0] = view; });
  TEGULA_RETURN_IF_ERROR(node.op->evaluate(node, input_views, output_views));
  TEGULA_RETURN_IF_ERROR(run_post_ops(node, post_op_operands, output_views[0]));
  TEGULA_RETURN_IF_ERROR(node.op->store(node, output_views[0], quantized));
  return outputs;
}

}  // namespace tegula::compiler
