#include <utility>

#include "runtime/loader/validate_program.h"

namespace tegula::runtime {
namespace {

Result<ExprNode> decode(const schema::Expr& row, std::size_t at, std::size_t symbols) {
  const ExprNode node{static_cast<ExprOp>(row.op()), row.value(), row.a(), row.b(), row.c(), row.scale()};
  const int operands = operands_of(node.op);
  if (operands < 0) return invalid("expressions[", at, "]: no operation has the number ", int{row.op()});
  const uint32_t indices[] = {node.a, node.b, node.c};
  for (int i = 0; i < operands; ++i)
    if (indices[i] >= at) return invalid("expressions[", at, "]: operand ", indices[i], " does not come earlier");
  if (node.op == ExprOp::kSymbol && (node.value < 0 || static_cast<uint64_t>(node.value) >= symbols))
    return invalid("expressions[", at, "]: symbol ", node.value, " of ", symbols);
  return node;
}

// Which expressions depend on no symbol.
std::vector<bool> find_constants(std::span<const ExprNode> nodes) {
  std::vector<bool> constant(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const ExprNode& node = nodes[i];
    const uint32_t indices[] = {node.a, node.b, node.c};
    bool all = node.op != ExprOp::kSymbol;
    for (int k = 0; k < operands_of(node.op); ++k) all = all && constant[indices[k]];
    constant[i] = all;
  }
  return constant;
}

}  // namespace

Status validate_shapes(ProgramModel& model) {
  const schema::Program& program = *model.tables.program;
  for (std::size_t i = 0; i < size_of_vector(program.symbols()); ++i) {
    const schema::Symbol& symbol = *program.symbols()->Get(static_cast<uint32_t>(i));
    if (symbol.min() > symbol.max())
      return invalid("symbols[", i, "] ", quoted(symbol.name()->string_view()), ": the range from ", symbol.min(),
                     " to ", symbol.max(), " is empty");
    model.symbols.push_back({symbol.name()->string_view(), symbol.min(), symbol.max()});
  }

  model.expressions.reserve(size_of_vector(program.expressions()));
  for (std::size_t i = 0; i < size_of_vector(program.expressions()); ++i) {
    TEGULA_ASSIGN_OR_RETURN(const ExprNode node,
                            decode(*program.expressions()->Get(static_cast<uint32_t>(i)), i, model.symbols.size()));
    model.expressions.push_back(node);
  }
  model.is_constant = find_constants(model.expressions);
  model.constant_expressions.resize(model.expressions.size());
  const std::vector<int64_t> zeros(model.symbols.size());
  evaluate(model.expressions, zeros, model.constant_expressions);

  for (std::size_t i = 0; i < size_of_vector(program.constraints()); ++i) {
    const schema::Constraint& constraint = *program.constraints()->Get(static_cast<uint32_t>(i));
    if (constraint.kind() > schema::ConstraintKind::MAX)
      return invalid("constraints[", i, "]: no kind has the number ", static_cast<int>(constraint.kind()));
    if (constraint.a() >= model.expressions.size() || constraint.b() >= model.expressions.size())
      return invalid("constraints[", i, "]: expressions ", constraint.a(), " and ", constraint.b(), " of ",
                     model.expressions.size());
    model.constraints.push_back(
        {constraint.kind(), constraint.a(), constraint.b(),
         constraint.message() == nullptr ? std::string_view() : constraint.message()->string_view()});
  }
  return {};
}

}  // namespace tegula::runtime
