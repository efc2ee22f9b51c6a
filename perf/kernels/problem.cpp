#include "perf/kernels/problem.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace tegula::perf {
namespace {

Error bad(std::string_view line, std::string_view what) {
  return Error{ErrorCode::kInvalidArgument, concat("problem '", line, "': ", what)};
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, at);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// "clip(0,6)" or "gelu_erf".
Result<kernels::PostOpDesc> parse_post_op(std::string_view line, const std::string& text) {
  const std::size_t bracket = text.find('(');
  const auto function = function_from_name(text.substr(0, bracket));
  if (!function) return bad(line, concat("there is no function '", text, "'"));
  kernels::PostOpDesc post_op;
  post_op.function = *function;
  if (bracket != std::string::npos) {
    const std::vector<std::string> values = split(text.substr(bracket + 1, text.size() - bracket - 2), ',');
    float alpha = 0, beta = 0;
    if (text.back() != ')' || values.empty() || values.size() > 2 || !parse_number(values[0], alpha) ||
        (values.size() > 1 && !parse_number(values[1], beta)))
      return bad(line, concat("'", text, "' is no function with one or two numbers"));
    post_op.alpha = alpha;
    post_op.beta = beta;
  }
  if (arity_of(*function) == 2) post_op.operand = kernels::OperandKind::kTensor;
  return post_op;
}

Result<kernels::EpilogueDesc> parse_epilogue(std::string_view line, const std::string& text) {
  kernels::EpilogueDesc epilogue;
  if (text.empty() || text == "none") return epilogue;
  for (const std::string& part : split(text, '+')) {
    if (part == "bias") {
      epilogue.bias = true;
    } else if (part == "alpha") {
      epilogue.alpha = true;
    } else {
      TEGULA_ASSIGN_OR_RETURN(kernels::PostOpDesc post_op, parse_post_op(line, part));
      epilogue.post_ops.push_back(post_op);
    }
  }
  TEGULA_RETURN_IF_ERROR(check_epilogue(epilogue));
  return epilogue;
}

}  // namespace

kernels::TileTypes Problem::types() const {
  const std::string_view name = std::string_view(op).substr(std::min(op.find(':'), op.size()));
  if (name == ":u8s8") return {DType::kU8, DType::kS8, DType::kU8};
  if (name == ":f32s8") return {DType::kF32, DType::kS8, DType::kF32};
  if (name == ":bf16s8") return {DType::kBF16, DType::kS8, DType::kBF16};
  if (name == ":bf16") return {DType::kBF16, DType::kBF16, DType::kBF16};
  return {};
}

Result<int64_t> Problem::number(const std::string& field) const {
  const auto found = fields.find(field);
  int64_t value = 0;
  if (found == fields.end() || !parse_number(found->second, value) || value < 0)
    return bad(text, concat("'", field, "=' and a number is needed"));
  return value;
}

Result<std::vector<int64_t>> Problem::numbers(const std::string& field) const {
  const auto found = fields.find(field);
  if (found == fields.end()) return bad(text, concat("'", field, "=' is needed"));
  std::vector<int64_t> values;
  for (const std::string& part : split(found->second, 'x')) {
    int64_t value = 0;
    if (!parse_number(part, value) || value < 0)
      return bad(text, concat("'", found->second, "' is no list of numbers"));
    values.push_back(value);
  }
  return values;
}

Result<Problem> parse_problem(std::string_view line) {
  const std::vector<std::string> words = split(line, ' ');
  if (words.empty()) return bad(line, "it is empty");
  Problem problem;
  problem.op = problem.text = words[0];
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    if (equals == std::string::npos) return bad(line, concat("'", words[i], "' is no field=value"));
    const std::string field = words[i].substr(0, equals), value = words[i].substr(equals + 1);
    if (field == "count") {
      if (!parse_number(value, problem.count)) return bad(line, "count is no number");
      continue;
    }
    problem.text += " " + words[i];
    problem.fields[field] = value;
  }
  TEGULA_ASSIGN_OR_RETURN(problem.epilogue, parse_epilogue(line, problem.fields["post"]));
  const kernels::TileTypes types = problem.types();
  for (kernels::PostOpDesc& post_op : problem.epilogue.post_ops)
    if (post_op.operand != kernels::OperandKind::kNone) post_op.operand_dtype = types.dst;
  if (types.weight_only()) problem.epilogue.weight_scale = kernels::WeightScale::kPerChannel;
  if (types.integer()) {
    problem.epilogue.alpha = false;
    problem.epilogue.quantized = {.multiplier_per_channel = true, .dst_scale = !problem.epilogue.post_ops.empty()};
  }
  return problem;
}

Result<std::vector<Problem>> read_problems(const std::string& path, std::string_view type) {
  std::ifstream file(path);
  if (!file) return Error{ErrorCode::kInvalidArgument, concat(path, ": cannot be read")};
  std::vector<Problem> problems;
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    constexpr std::string_view kReal = ":f32 ";
    const std::size_t real = line.find(kReal);
    if (!type.empty() && real != std::string::npos) line.replace(real + 1, kReal.size() - 2, type);
    TEGULA_ASSIGN_OR_RETURN(Problem problem, parse_problem(line));
    problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace tegula::perf
