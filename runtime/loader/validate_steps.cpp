#include "runtime/loader/step_operands.h"
#include "runtime/loader/validate_program.h"
#include "schema/function.h"

namespace tegula::runtime {
namespace {

// Which values hold something: those that a step wrote, and bases of which a step wrote a part.
class Written {
 public:
  explicit Written(const ProgramModel& model)
      : model_(model), whole_(model.values.size()), part_(model.values.size()) {}

  bool may_read(int32_t value) const {
    const int32_t base = model_.base_of(value);
    const Storage storage = model_.values[static_cast<std::size_t>(base)].storage;
    return storage == Storage::kConstant || storage == Storage::kInput || whole(value) || whole(base) ||
           part_[static_cast<std::size_t>(base)];
  }

  Status write(int32_t value) {
    const int32_t base = model_.base_of(value);
    const Storage storage = model_.values[static_cast<std::size_t>(base)].storage;
    if (storage != Storage::kArena && storage != Storage::kOutput)
      return invalid("writes value ", value, ", which is an input or a constant");
    if (whole(value) || whole(base) || (value == base && part_[static_cast<std::size_t>(base)]))
      return invalid("writes value ", value, ", which an earlier step wrote");
    whole_[static_cast<std::size_t>(value)] = true;
    if (value != base) part_[static_cast<std::size_t>(base)] = true;
    return {};
  }

  bool any(int32_t value) const { return whole(value) || part_[static_cast<std::size_t>(value)]; }

 private:
  bool whole(int32_t value) const { return whole_[static_cast<std::size_t>(value)]; }

  const ProgramModel& model_;
  std::vector<bool> whole_, part_;
};

Status check_post_ops(const schema::Step& step) {
  for (std::size_t i = 0; i < size_of_vector(step.post_ops()); ++i) {
    const schema::PostOp& op = *step.post_ops()->Get(static_cast<uint32_t>(i));
    const auto function = static_cast<Function>(op.function());
    if (!is_valid(function)) return invalid("post_ops[", i, "]: no function has the number ", op.function());
    const int arity = arity_of(function);
    if (arity > 2 || (arity == 2) != (op.operand() >= 0))
      return invalid("post_ops[", i, "]: ", name_of(function), " with operand ", op.operand());
  }
  return {};
}

Status check_attributes(const ProgramModel& model, const schema::Step& step) {
  if (step.attributes_type() == schema::StepAttributes::NONE || step.attributes() == nullptr)
    return invalid("has no attributes");
  if (step.attributes_type() > schema::StepAttributes::MAX)
    return Error{ErrorCode::kUnsupported, concat("operator number ", static_cast<int>(step.attributes_type()),
                                                 " is newer than this runtime; update the runtime")};
  Status status;
  for_each_expression_list(step, [&](const flatbuffers::Vector<uint32_t>* list) {
    for (std::size_t i = 0; status.ok() && i < size_of_vector(list); ++i) {
      const uint32_t expression = list->Get(static_cast<uint32_t>(i));
      if (expression >= model.expressions.size())
        status = invalid("expression ", expression, " of ", model.expressions.size());
    }
  });
  if (!status.ok()) return status;
  return check_post_ops(step);
}

Status validate_step(ProgramModel& model, const schema::Step& step, Written& written) {
  TEGULA_RETURN_IF_ERROR(check_attributes(model, step));
  const auto in_range = [&](int32_t value) { return value >= -1 && value < static_cast<int64_t>(model.values.size()); };
  Status status;
  const auto read = [&](int32_t value) {
    if (!status.ok() || value == -1) return;
    if (!in_range(value)) {
      status = invalid("reads value ", value, " of ", model.values.size());
    } else if (!written.may_read(value)) {
      status = invalid("reads value ", value, " ", quoted(model.values[static_cast<std::size_t>(value)].name),
                       ", which no earlier step wrote");
    } else {
      model.operands.push_back(value);
    }
  };
  for (std::size_t i = 0; i < size_of_vector(step.inputs()); ++i) read(step.inputs()->Get(static_cast<uint32_t>(i)));
  for_each_named_value(step, read);
  TEGULA_RETURN_IF_ERROR(status);

  bool writes_any = false;
  for (std::size_t i = 0; i < size_of_vector(step.outputs()); ++i) {
    const int32_t value = step.outputs()->Get(static_cast<uint32_t>(i));
    if (value == -1) continue;
    if (!in_range(value)) return invalid("writes value ", value, " of ", model.values.size());
    TEGULA_RETURN_IF_ERROR(written.write(value));
    model.operands.push_back(value);
    writes_any = true;
  }
  return writes_any ? Status() : invalid("writes nothing");
}

}  // namespace

Status validate_steps(ProgramModel& model) {
  const auto* rows = model.tables.program->steps();
  Written written(model);
  struct Range {
    std::size_t begin, writes, end;
  };
  std::vector<Range> ranges;
  for (std::size_t i = 0; i < size_of_vector(rows); ++i) {
    const schema::Step& step = *rows->Get(static_cast<uint32_t>(i));
    Range range{model.operands.size(), 0, 0};
    if (const Status status = validate_step(model, step, written); !status.ok())
      return Error{status.error().code,
                   concat("steps[", i, "] ", quoted(step.name()->string_view()), ": ", status.error().message)};
    range.end = model.operands.size();
    range.writes = range.end;
    for (std::size_t o = 0; o < size_of_vector(step.outputs()); ++o)
      range.writes -= step.outputs()->Get(static_cast<uint32_t>(o)) != -1;
    ranges.push_back(range);
  }
  for (const ProgramModel::Port& port : model.outputs)
    if (!written.any(static_cast<int32_t>(port.value)))
      return invalid("output ", quoted(port.name), ": no step writes it");
  const std::span<const int32_t> operands(model.operands);
  for (std::size_t i = 0; i < ranges.size(); ++i)
    model.steps.push_back({rows->Get(static_cast<uint32_t>(i)),
                           operands.subspan(ranges[i].begin, ranges[i].writes - ranges[i].begin),
                           operands.subspan(ranges[i].writes, ranges[i].end - ranges[i].writes)});
  return {};
}

}  // namespace tegula::runtime
