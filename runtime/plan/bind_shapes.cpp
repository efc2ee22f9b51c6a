#include "runtime/plan/bind_shapes.h"

#include "runtime/printable.h"

namespace tegula::runtime {
namespace {

template <typename... Parts>
Error wrong(const Parts&... parts) {
  return Error{ErrorCode::kInvalidArgument, concat(parts...)};
}

class SymbolBinder {
 public:
  explicit SymbolBinder(const ProgramModel& model)
      : model_(model), values_(model.symbols.size()), given_by_(model.symbols.size(), -1) {}

  /// `place` is called for the message of an error: what of the input holds `value`.
  template <typename Place>
  Status bind(std::size_t symbol, int64_t value, std::size_t input, Place&& place) {
    const ProgramModel::Symbol& info = model_.symbols[symbol];
    if (given_by_[symbol] >= 0 && values_[symbol] != value)
      return wrong("input ", quoted(model_.inputs[input].name), ": ", place(), " is ", value, ", but input ",
                   quoted(model_.inputs[static_cast<std::size_t>(given_by_[symbol])].name), " makes ",
                   quoted(info.name), " ", values_[symbol]);
    if (value < info.min || value > info.max)
      return wrong("input ", quoted(model_.inputs[input].name), ": ", place(), " (", quoted(info.name), ") is ", value,
                   ", the program was compiled for ", info.min, " to ", info.max);
    values_[symbol] = value;
    if (given_by_[symbol] < 0) given_by_[symbol] = static_cast<int64_t>(input);
    return {};
  }

  std::span<const int64_t> values() const { return values_; }

 private:
  const ProgramModel& model_;
  std::vector<int64_t> values_;
  std::vector<int64_t> given_by_;  // input, or -1
};

bool holds(schema::ConstraintKind kind, int64_t a, int64_t b) {
  switch (kind) {
    case schema::ConstraintKind::Equal: return a == b;
    case schema::ConstraintKind::Divisible: return b == -1 || (b != 0 && a % b == 0);
    case schema::ConstraintKind::Broadcast: return a == b || a == 1 || b == 1;
    case schema::ConstraintKind::AtLeast: return a >= b;
  }
  return false;
}

Status check_constraint(const ProgramModel::Constraint& constraint, std::span<const int64_t> expressions) {
  const int64_t a = expressions[constraint.a], b = expressions[constraint.b];
  if (holds(constraint.kind, a, b)) return {};
  const char* relation = "equal";
  switch (constraint.kind) {
    case schema::ConstraintKind::Equal: break;
    case schema::ConstraintKind::Divisible: relation = "be a multiple of"; break;
    case schema::ConstraintKind::Broadcast: relation = "broadcast with"; break;
    case schema::ConstraintKind::AtLeast: relation = "be at least"; break;
  }
  const std::string_view message =
      constraint.message.empty() ? "the input shapes do not fit together" : constraint.message;
  return wrong(printable(message, 200), ": ", a, " must ", relation, " ", b);
}

}  // namespace

Result<std::vector<int64_t>> bind_shapes(const ProgramModel& model, const ShapeKeyLayout& layout,
                                         std::span<const int64_t> key) {
  TEGULA_CHECK(key.size() == layout.length, "the key belongs to another program");
  SymbolBinder symbols(model);
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    const std::span<const ProgramModel::Expression> shape = model.values[model.inputs[i].value].shape();
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const ExprNode& node = model.expressions[shape[d]];
      if (node.op != ExprOp::kSymbol) continue;
      TEGULA_RETURN_IF_ERROR(symbols.bind(static_cast<std::size_t>(node.value), key[layout.dims[i] + d], i,
                                          [&] { return concat("dimension ", d); }));
    }
    const std::vector<uint32_t>& elements = model.inputs[i].element_symbols;
    for (std::size_t e = 0; e < elements.size(); ++e)
      TEGULA_RETURN_IF_ERROR(
          symbols.bind(elements[e], key[layout.elements[i] + e], i, [&] { return concat("element ", e); }));
  }

  std::vector<int64_t> expressions(model.expressions.size());
  evaluate(model.expressions, symbols.values(), expressions);
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    const std::span<const ProgramModel::Expression> shape = model.values[model.inputs[i].value].shape();
    for (std::size_t d = 0; d < shape.size(); ++d)
      if (key[layout.dims[i] + d] != expressions[shape[d]])
        return wrong("input ", quoted(model.inputs[i].name), ": dimension ", d, " is ", key[layout.dims[i] + d],
                     ", the program needs ", expressions[shape[d]]);
  }
  for (const ProgramModel::Constraint& constraint : model.constraints)
    TEGULA_RETURN_IF_ERROR(check_constraint(constraint, expressions));
  return expressions;
}

}  // namespace tegula::runtime
