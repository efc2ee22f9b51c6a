#include "compiler/lowering/lower_program.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/graph/graph_text.h"
#include "compiler/lowering/program_values.h"
#include "compiler/ops/op_def.h"
#include "schema/file_layout.h"

namespace tegula::compiler {
namespace {

class ProgramLowering {
 public:
  ProgramLowering(const Graph& graph, ConstantStore& store, const ReportProgress& progress)
      : graph_(graph), progress_(progress), views_(graph), values_(views_, store) {}

  Result<LoweredProgram> run() {
    lower_inputs();
    choose_outputs();
    const auto total = static_cast<int64_t>(graph_.nodes().size());
    for (int64_t done = 0; const auto& node : graph_.nodes()) {
      if (progress_) progress_("packing weights", done++, total);
      TEGULA_RETURN_IF_ERROR(lower_node(*node));
    }
    lower_outputs();
    TEGULA_RETURN_IF_ERROR(lower_constraints());
    TEGULA_RETURN_IF_ERROR(lower_symbols());
    if (!values_.status().ok()) return values_.status().error();

    program_.tables.numerics_version = kNumericsVersion;
    for (const ExprNode& node : values_.expression_table().nodes()) {
      auto row = std::make_unique<schema::ExprT>();
      row->op = static_cast<uint8_t>(node.op);
      row->value = node.value;
      row->a = node.a;
      row->b = node.b;
      row->c = node.c;
      row->scale = node.scale;
      program_.tables.expressions.push_back(std::move(row));
    }
    program_.tables.values = std::move(values_.rows());
    program_.contents = std::move(values_.contents());
    return std::move(program_);
  }

 private:
  void lower_inputs() {
    for (const Value* input : graph_.inputs()) {
      values_.set_storage(input, Storage::kInput);
      auto port = std::make_unique<schema::PortT>();
      port->name = input->name;
      port->value = static_cast<uint32_t>(values_.value(input));
      program_.tables.inputs.push_back(std::move(port));
    }
  }

  /// A step can write an output's buffer directly when the value owns its memory and is no other output already.
  void choose_outputs() {
    for (const auto& [name, value] : graph_.outputs()) {
      if (!value->producer || views_.place_of(value).root != value || !direct_outputs_.insert(value).second) continue;
      values_.set_storage(value, Storage::kOutput);
    }
  }

  void lower_outputs() {
    std::unordered_set<const Value*> taken;
    for (const auto& [name, value] : graph_.outputs()) {
      auto port = std::make_unique<schema::PortT>();
      port->name = name;
      if (direct_outputs_.contains(value) && taken.insert(value).second) {
        port->value = static_cast<uint32_t>(values_.value(value));
      } else {
        const int32_t copy = values_.add_value(name, value->dtype, value->shape, Storage::kOutput);
        add_copy(name, value->producer ? value->producer->origins : std::vector<std::string>{}, values_.value(value),
                 copy);
        port->value = static_cast<uint32_t>(copy);
      }
      program_.tables.outputs.push_back(std::move(port));
    }
  }

  void add_copy(std::string_view name, const std::vector<std::string>& origins, int32_t from, int32_t to) {
    auto step = std::make_unique<schema::StepT>();
    step->name = origins.empty() ? std::string(name) : origins.front();
    step->attributes.Set(schema::CopyT{});
    step->inputs = {from};
    step->outputs = {to};
    step->onnx_nodes = origins;
    program_.tables.steps.push_back(std::move(step));
  }

  Status lower_node(const Node& node) {
    if (is_op(&node, "concat") && views_.is_free(node)) return lower_joined(node);
    if (views_.is_free(node)) return {};
    if (node.op->is_view) return lower_strided_reshape(node);
    if (!node.op->lower)
      return Error{ErrorCode::kUnsupported,
                   concat("node '", name_of(node), "' (", node.op->name, ") has no step that computes it")};

    auto step = std::make_unique<schema::StepT>();
    TEGULA_RETURN_IF_ERROR(node.op->lower(values_, node, *step));
    if (step->name.empty()) step->name = name_of(node);
    if (step->inputs.empty())
      for (const Value* input : node.inputs) step->inputs.push_back(values_.value(input));
    if (step->outputs.empty()) step->outputs = wanted_outputs(node);
    if (step->post_ops.empty()) lower_post_ops(node, *step);
    step->onnx_nodes = node.origins;
    step->rule = node.rule;
    program_.tables.steps.push_back(std::move(step));
    return {};
  }

  /// -1 for those that nobody reads; none of these at the end.
  std::vector<int32_t> wanted_outputs(const Node& node) {
    std::vector<int32_t> outputs;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const Value* output = node.outputs[i];
      const bool wanted = output && (i == 0 || output->is_output || !output->users.empty());
      outputs.push_back(wanted ? values_.value(output) : -1);
    }
    while (outputs.size() > 1 && outputs.back() == -1) outputs.pop_back();
    return outputs;
  }

  void lower_post_ops(const Node& node, schema::StepT& step) {
    for (const PostOp& post_op : node.post_ops) {
      auto row = std::make_unique<schema::PostOpT>();
      row->function = static_cast<uint16_t>(post_op.function);
      row->alpha = post_op.alpha;
      row->beta = post_op.beta;
      row->operand = values_.value(post_op.operand);
      row->operand_first = post_op.operand_first;
      row->operand_scale = post_op.operand_scale;
      row->operand_zero_point = post_op.operand_zero_point;
      step.post_ops.push_back(std::move(row));
    }
  }

  /// A concat whose result is made of its operands' memory: the operands that have memory of their own are copied in.
  Status lower_joined(const Node& node) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const Value* operand = node.inputs[i];
      if (views_.is_part_of(operand, node)) continue;
      const int32_t to =
          values_.add_view(operand->name, operand->dtype, operand->shape, views_.place_of_operand(node, i));
      add_copy(name_of(node), node.origins, values_.value(operand), to);
    }
    return {};
  }

  /// The operand's rows are apart: they are brought together first.
  Status lower_strided_reshape(const Node& node) {
    const Value *source = node.inputs[0], *result = node.outputs[0];
    const ViewPlan::Place place = views_.place_of(result);
    const int32_t from = values_.value(source);
    int32_t to;
    if (place.root == result && !direct_outputs_.contains(result)) {
      const int32_t base = values_.add_value(result->name, source->dtype, source->shape, Storage::kArena);
      values_.set_number(result, values_.add_reshaped(result->name, result->dtype, result->shape, base));
      to = base;
    } else {
      // The result has its place already: the copy writes there, seen with the operand's shape.
      to = values_.add_view(source->name, source->dtype, source->shape,
                            {.root = place.root, .offset = place.offset, .contiguous = true, .strides = {}});
    }
    add_copy(name_of(node), node.origins, from, to);
    return {};
  }

  Status lower_constraints() {
    for (const GraphConstraint& constraint : graph_.constraints) {
      if (constraint.a == constraint.b && constraint.kind != GraphConstraint::Kind::kDivisible) continue;
      if (constraint.kind == GraphConstraint::Kind::kAtLeast && constraint.b.is_constant() &&
          constraint.a.is_at_least(constraint.b.value()))
        continue;
      auto row = std::make_unique<schema::ConstraintT>();
      switch (constraint.kind) {
        case GraphConstraint::Kind::kEqual: row->kind = schema::ConstraintKind::Equal; break;
        case GraphConstraint::Kind::kDivisible: row->kind = schema::ConstraintKind::Divisible; break;
        case GraphConstraint::Kind::kBroadcast: row->kind = schema::ConstraintKind::Broadcast; break;
        case GraphConstraint::Kind::kAtLeast: row->kind = schema::ConstraintKind::AtLeast; break;
      }
      row->a = values_.expression(constraint.a);
      row->b = values_.expression(constraint.b);
      row->message = constraint.message;
      program_.tables.constraints.push_back(std::move(row));
    }
    return {};
  }

  /// Every symbol that an expression uses must be a dimension of an input or an element of a shape input.
  Status lower_symbols() {
    ExpressionTable& expressions = values_.expression_table();
    std::vector<std::string> told;
    for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
      const Value& input = *graph_.inputs()[i];
      for (const Dim& dim : input.shape)
        if (const auto name = dim.symbol_name()) told.push_back(*name);
      const auto& elements = input.contents ? input.contents : input.reals;
      if (!elements || !feeds_shapes(*elements)) continue;
      for (const Dim& element : *elements) {
        const auto name = element.symbol_name();
        if (!name)
          return Error{ErrorCode::kInternal, concat("input '", input.name, "' holds an element that is no symbol")};
        told.push_back(*name);
        program_.tables.inputs[i]->element_symbols.push_back(expressions.symbol(*name));
      }
    }
    for (const std::string& name : expressions.symbols()) {
      if (std::find(told.begin(), told.end(), name) == told.end())
        return Error{
            ErrorCode::kUnsupported,
            concat("the size '", name, "' follows from data: it is neither a dimension of an input nor read from one")};
      auto row = std::make_unique<schema::SymbolT>();
      row->name = name;
      // Elements of shape inputs may be any integer, sizes start at 0.
      row->min = Dim::symbol(name).is_at_least(0) ? 0 : INT64_MIN;
      for (const SymbolRange& range : graph_.symbols) {
        if (range.name != name) continue;
        row->min = range.min;
        row->max = range.max;
      }
      program_.tables.symbols.push_back(std::move(row));
    }
    return {};
  }

  bool feeds_shapes(const std::vector<Dim>& elements) {
    const std::vector<std::string>& used = values_.expression_table().symbols();
    return std::any_of(elements.begin(), elements.end(), [&](const Dim& element) {
      const auto name = element.symbol_name();
      return name && std::find(used.begin(), used.end(), *name) != used.end();
    });
  }

  const Graph& graph_;
  const ReportProgress& progress_;
  ViewPlan views_;
  ProgramValues values_;
  LoweredProgram program_;
  std::unordered_set<const Value*> direct_outputs_;
};

}  // namespace

Result<LoweredProgram> lower_program(const Graph& graph, ConstantStore& store, const ReportProgress& progress) {
  return ProgramLowering(graph, store, progress).run();
}

}  // namespace tegula::compiler
