// ONNX Einsum (12), composed: operands are joined from the left, two at a time. Labels that nobody needs any more are
// summed away, shared labels that are needed become batch dimensions, shared ones that are not are contracted, by a
// matrix product of f32 and by a product and a sum of other types.
#include <algorithm>
#include <map>

#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

/// A letter; or, negative, a dimension of the ellipsis: -1 is the last one.
using Label = int;
using Labels = std::vector<Label>;

struct Term {
  Value* value = nullptr;
  Labels labels;  ///< one per dimension
};

bool has(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

struct Equation {
  std::vector<Labels> inputs;
  Labels output;
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// One side of a comma. `ellipsis_rank` dimensions stand for "..."; nullopt: not a term.
std::optional<Labels> parse_term(std::string_view text, int ellipsis_rank) {
  Labels labels;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_letter(text[i])) {
      labels.push_back(text[i]);
    } else if (text.substr(i, 3) == "...") {
      for (int d = ellipsis_rank; d > 0; --d) labels.push_back(-d);
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return labels;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(',', begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

Result<Equation> parse(const OnnxNode& node) {
  std::string text = node.attributes.text("equation");
  std::erase(text, ' ');
  const auto bad = [&](std::string_view why) { return node.invalid(concat("equation '", text, "': ", why)); };
  const std::size_t arrow = text.find("->");
  const std::vector<std::string_view> terms = split(std::string_view(text).substr(0, arrow));
  if (terms.size() != node.inputs.size())
    return bad(concat(terms.size(), " terms for ", node.inputs.size(), " operands"));
  Equation equation;
  int widest = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const auto letters = std::count_if(terms[i].begin(), terms[i].end(), is_letter);
    const bool ellipsis = terms[i].find("...") != std::string_view::npos;
    const int rank = ellipsis ? node.inputs[i]->rank() - static_cast<int>(letters) : 0;
    const auto labels = rank < 0 ? std::nullopt : parse_term(terms[i], rank);
    if (!labels || labels->size() != node.inputs[i]->shape.size())
      return bad(concat("term ", i, " does not fit an operand of shape ", to_string(node.inputs[i]->shape)));
    equation.inputs.push_back(*labels);
    widest = std::max(widest, rank);
  }
  if (arrow != std::string::npos) {
    const auto labels = parse_term(std::string_view(text).substr(arrow + 2), widest);
    if (!labels) return bad("the output is not a term");
    equation.output = *labels;
  } else {  // the ellipsis, then every letter that appears once, by alphabet
    for (int d = widest; d > 0; --d) equation.output.push_back(-d);
    std::map<Label, int> uses;
    for (const Labels& labels : equation.inputs)
      for (const Label label : labels) ++uses[label];
    for (const auto& [label, count] : uses)
      if (label > 0 && count == 1) equation.output.push_back(label);
  }
  for (std::size_t i = 0; i < equation.output.size(); ++i) {
    const Label label = equation.output[i];
    const auto knows = [&](const Labels& labels) { return has(labels, label); };
    if (std::none_of(equation.inputs.begin(), equation.inputs.end(), knows))
      return bad("the output has a label of its own");
    if (std::count(equation.output.begin(), equation.output.end(), label) > 1)
      return bad("the output has a label twice");
  }
  return equation;
}

class EinsumBuilder {
 public:
  EinsumBuilder(ImportContext& context, const OnnxNode& node) : context_(context), node_(node) {}

  /// The term with its dimensions in the order of `labels`, which it must all have.
  Result<Value*> ordered(const Term& term, const Labels& labels) {
    std::vector<int64_t> perm;
    for (const Label label : labels)
      perm.push_back(std::find(term.labels.begin(), term.labels.end(), label) - term.labels.begin());
    return context_.build.transpose(term.value, std::move(perm));
  }

  /// A label that stands for two dimensions takes their diagonal.
  Result<Term> without_repeats(Term term) {
    for (std::size_t i = 0; i < term.labels.size(); ++i) {
      const auto again =
          std::find(term.labels.begin() + static_cast<std::ptrdiff_t>(i) + 1, term.labels.end(), term.labels[i]);
      if (again == term.labels.end()) continue;
      const Label label = term.labels[i];
      const std::size_t j = static_cast<std::size_t>(again - term.labels.begin());
      if (term.value->shape[i] != term.value->shape[j])
        return node_.invalid(
            concat("a diagonal of ", term.value->shape[i].to_string(), " by ", term.value->shape[j].to_string()));
      TEGULA_ASSIGN_OR_RETURN(const int64_t size, constant_dim(node_, term.value->shape[i], "the size of a diagonal"));
      std::vector<int64_t> perm;
      Labels rest;
      for (std::size_t d = 0; d < term.labels.size(); ++d) {
        if (d == i || d == j) continue;
        perm.push_back(static_cast<int64_t>(d));
        rest.push_back(term.labels[d]);
      }
      perm.insert(perm.end(), {static_cast<int64_t>(i), static_cast<int64_t>(j)});
      TEGULA_ASSIGN_OR_RETURN(Value * value, context_.build.transpose(term.value, std::move(perm)));
      Shape flat(value->shape.begin(), value->shape.end() - 2);
      flat.push_back(size * size);
      TEGULA_ASSIGN_OR_RETURN(value, context_.build.reshape(value, flat));
      const Shape starts(flat.size(), Dim(0));
      std::vector<int64_t> steps(flat.size(), 1);
      steps.back() = size + 1;
      flat.back() = size;
      TEGULA_ASSIGN_OR_RETURN(
          value, context_.build.add("slice", {value}, {{"starts", starts}, {"sizes", flat}, {"steps", steps}}));
      rest.push_back(label);
      return without_repeats({value, std::move(rest)});
    }
    return term;
  }

  /// The term summed over the labels that `needed` does not have.
  Result<Term> reduced(Term term, const Labels& needed) {
    std::vector<int64_t> axes;
    Labels rest;
    for (std::size_t d = 0; d < term.labels.size(); ++d) {
      if (has(needed, term.labels[d]))
        rest.push_back(term.labels[d]);
      else
        axes.push_back(static_cast<int64_t>(d));
    }
    if (axes.empty()) return term;
    TEGULA_ASSIGN_OR_RETURN(
        Value* const value,
        context_.build.add("reduce", {term.value},
                           {{"kind", std::string("sum")}, {"axes", std::move(axes)}, {"keepdims", int64_t{0}}}));
    return Term{value, std::move(rest)};
  }

  /// The product of two terms, summed over what they share and `needed` does not have.
  Result<Term> joined(Term a, Term b, const Labels& needed) {
    Labels batch, contracted, of_a, of_b;
    for (const Label label : a.labels)
      (!has(b.labels, label) ? of_a : has(needed, label) ? batch : contracted).push_back(label);
    for (const Label label : b.labels)
      if (!has(a.labels, label)) of_b.push_back(label);
    if (a.value->dtype != DType::kF32 || contracted.empty()) {
      TEGULA_ASSIGN_OR_RETURN(Term product, multiplied(a, b, batch, contracted, of_a, of_b));
      return reduced(std::move(product), needed);
    }
    return matrix_product(a, b, batch, contracted, of_a, of_b);
  }

 private:
  static Labels join(std::initializer_list<Labels> lists) {
    Labels all;
    for (const Labels& labels : lists) all.insert(all.end(), labels.begin(), labels.end());
    return all;
  }

  static Dim size_of(const Term& term, const Labels& labels) {
    Dim size = 1;
    for (const Label label : labels)
      size = size * term.value->shape[static_cast<std::size_t>(
                        std::find(term.labels.begin(), term.labels.end(), label) - term.labels.begin())];
    return size;
  }

  /// Elementwise, over [batch, contracted, of a, of b].
  Result<Term> multiplied(const Term& a, const Term& b, const Labels& batch, const Labels& contracted,
                          const Labels& of_a, const Labels& of_b) {
    TEGULA_ASSIGN_OR_RETURN(Value * left, ordered(a, join({batch, contracted, of_a})));
    Shape wide = left->shape;
    wide.resize(wide.size() + of_b.size(), Dim(1));
    TEGULA_ASSIGN_OR_RETURN(left, context_.build.reshape(left, std::move(wide)));
    TEGULA_ASSIGN_OR_RETURN(Value * right, ordered(b, join({batch, contracted, of_b})));
    Shape gap = right->shape;
    gap.insert(gap.begin() + static_cast<std::ptrdiff_t>(batch.size() + contracted.size()), of_a.size(), Dim(1));
    TEGULA_ASSIGN_OR_RETURN(right, context_.build.reshape(right, std::move(gap)));
    TEGULA_ASSIGN_OR_RETURN(Value* const value, context_.build.function(Function::k_mul, {left, right}));
    return Term{value, join({batch, contracted, of_a, of_b})};
  }

  Result<Term> matrix_product(const Term& a, const Term& b, const Labels& batch, const Labels& contracted,
                              const Labels& of_a, const Labels& of_b) {
    TEGULA_ASSIGN_OR_RETURN(Value * left, ordered(a, join({batch, of_a, contracted})));
    TEGULA_ASSIGN_OR_RETURN(Value * right, ordered(b, join({batch, contracted, of_b})));
    const auto batches = static_cast<std::ptrdiff_t>(batch.size());
    Shape left_shape(left->shape.begin(), left->shape.begin() + batches),
        right_shape(right->shape.begin(), right->shape.begin() + batches);
    left_shape.insert(left_shape.end(), {size_of(a, of_a), size_of(a, contracted)});
    right_shape.insert(right_shape.end(), {size_of(b, contracted), size_of(b, of_b)});
    const Shape rows(left->shape.begin() + batches,
                     left->shape.begin() + batches + static_cast<std::ptrdiff_t>(of_a.size()));
    const Shape columns(right->shape.end() - static_cast<std::ptrdiff_t>(of_b.size()), right->shape.end());
    TEGULA_ASSIGN_OR_RETURN(left, context_.build.reshape(left, std::move(left_shape)));
    TEGULA_ASSIGN_OR_RETURN(right, context_.build.reshape(right, std::move(right_shape)));
    TEGULA_ASSIGN_OR_RETURN(Value * value, context_.build.add("matmul", {left, right}));
    Shape shape(value->shape.begin(), value->shape.begin() + batches);
    shape.insert(shape.end(), rows.begin(), rows.end());
    shape.insert(shape.end(), columns.begin(), columns.end());
    TEGULA_ASSIGN_OR_RETURN(value, context_.build.reshape(value, std::move(shape)));
    return Term{value, join({batch, of_a, of_b})};
  }

  ImportContext& context_;
  const OnnxNode& node_;
};

}  // namespace

Result<ImportedValues> import_einsum(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, std::max<std::size_t>(node.inputs.size(), 1), SIZE_MAX));
  TEGULA_ASSIGN_OR_RETURN(const Equation equation, parse(node));
  EinsumBuilder builder(context, node);
  Term term;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    Labels needed = equation.output;
    for (std::size_t later = i + 1; later < node.inputs.size(); ++later)
      needed.insert(needed.end(), equation.inputs[later].begin(), equation.inputs[later].end());
    TEGULA_ASSIGN_OR_RETURN(Term next, builder.without_repeats({node.inputs[i], equation.inputs[i]}));
    Labels kept = needed;
    kept.insert(kept.end(), term.labels.begin(), term.labels.end());
    TEGULA_ASSIGN_OR_RETURN(next, builder.reduced(std::move(next), kept));
    if (i == 0) {
      term = std::move(next);
      continue;
    }
    Labels shared = needed;
    shared.insert(shared.end(), next.labels.begin(), next.labels.end());
    TEGULA_ASSIGN_OR_RETURN(term, builder.reduced(std::move(term), shared));
    TEGULA_ASSIGN_OR_RETURN(term, builder.joined(std::move(term), std::move(next), needed));
  }
  TEGULA_ASSIGN_OR_RETURN(term, builder.reduced(std::move(term), equation.output));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, builder.ordered(term, equation.output));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
