#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "compiler/graph/graph.h"
#include "compiler/graph/graph_text.h"
#include "compiler/graph/random_literal.h"
#include "compiler/graph/text_scanner.h"
#include "compiler/ops/op_def.h"
#include "kernels/float16.h"
#include "schema/base/visit_dtype.h"

namespace tegula::compiler {
namespace {

template <typename T>
std::optional<T> number_from(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct TensorType {
  DType dtype = DType::kF32;
  Shape shape;
};

class GraphParser {
 public:
  explicit GraphParser(std::string_view text) : in_(text) {}

  Result<Graph> all() {
    while (in_.next_statement()) {
      if (returned_) return in_.fail("'return' is the last statement");
      TEGULA_RETURN_IF_ERROR(checked_statement());
      if (!in_.at_end_of_statement()) return in_.fail("something follows the statement");
    }
    if (!returned_) return in_.fail("'return' is missing");
    return std::move(graph_);
  }

 private:
  /// An attribute of the wrong type is the text's fault, as it is a model's in the importer.
  Status checked_statement() {
    try {
      return statement();
    } catch (const AttributeTypeError& error) {
      return in_.fail(error.what());
    }
  }

  Status statement() {
    if (in_.take_word("symbol")) return symbol();
    if (in_.take_word("input")) return input();
    if (in_.take_word("const")) return constant();
    if (in_.take_word("require")) return require();
    if (in_.take_word("return")) return outputs();
    return node();
  }

  Status symbol() {
    SymbolRange range;
    const std::string text = in_.until(":");
    TEGULA_ASSIGN_OR_RETURN(const Dim dim, Dim::parse(text));
    const auto name = dim.symbol_name();
    if (!name || !in_.take(':')) return in_.fail("'symbol name: min..max' expected");
    range.name = *name;
    const auto min = number_from<int64_t>(in_.until("."));
    if (!min || !in_.take('.') || !in_.take('.')) return in_.fail("a range 'min..max' expected");
    range.min = *min;
    if (!in_.at_end_of_statement()) {
      const auto max = number_from<int64_t>(in_.until(""));
      if (!max) return in_.fail("the largest size expected");
      range.max = *max;
    }
    graph_.symbols.push_back(std::move(range));
    return {};
  }

  Status input() {
    TEGULA_ASSIGN_OR_RETURN(const std::string name, value_name());
    if (!in_.take(':')) return in_.fail("':' and a type expected");
    TEGULA_ASSIGN_OR_RETURN(TensorType declared, type());
    TEGULA_ASSIGN_OR_RETURN(Value * value, add_input(name, std::move(declared)));
    if (!in_.take_word("holds")) return {};
    TEGULA_ASSIGN_OR_RETURN(Shape elements, dims());
    const auto sizes = constant_dims(value->shape);
    if (!sizes || checked_element_count(*sizes) != static_cast<int64_t>(elements.size()))
      return in_.fail(
          concat("'", value->name, "' is ", type_text(*value), ", and ", elements.size(), " elements are named"));
    (is_float(value->dtype) ? value->reals : value->contents) = std::move(elements);
    return {};
  }

  Status constant() {
    TEGULA_ASSIGN_OR_RETURN(const std::string name, value_name());
    if (!in_.take(':')) return in_.fail("':' and a type expected");
    TEGULA_ASSIGN_OR_RETURN(const TensorType declared, type());
    if (!in_.take('=')) return in_.fail("'=' and the elements expected");
    if (auto added = add_constant(name, declared); !added.ok()) return added.error();
    return {};
  }

  Status require() {
    GraphConstraint constraint;
    const std::string kind = in_.word();
    if (kind == "equal") {
      constraint.kind = GraphConstraint::Kind::kEqual;
    } else if (kind == "divisible") {
      constraint.kind = GraphConstraint::Kind::kDivisible;
    } else if (kind == "broadcast") {
      constraint.kind = GraphConstraint::Kind::kBroadcast;
    } else if (kind == "at_least") {
      constraint.kind = GraphConstraint::Kind::kAtLeast;
    } else {
      return in_.fail("equal, divisible, broadcast or at_least expected");
    }
    if (!in_.take('(')) return in_.fail("'(' expected");
    TEGULA_ASSIGN_OR_RETURN(constraint.a, Dim::parse(in_.until(",")));
    if (!in_.take(',')) return in_.fail("',' expected");
    TEGULA_ASSIGN_OR_RETURN(constraint.b, Dim::parse(in_.until(")")));
    if (!in_.take(')')) return in_.fail("')' expected");
    if (in_.peek() == '"') {
      TEGULA_ASSIGN_OR_RETURN(constraint.message, in_.quoted());
    }
    // The nodes above have asked for theirs already; the text's messages count.
    const auto known = std::find_if(graph_.constraints.begin(), graph_.constraints.end(),
                                    [&](const GraphConstraint& other) { return other.asks_as(constraint); });
    if (known != graph_.constraints.end()) {
      known->message = std::move(constraint.message);
    } else {
      graph_.constraints.push_back(std::move(constraint));
    }
    return {};
  }

  Status outputs() {
    std::vector<std::pair<std::string, Value*>> outputs;
    do {
      TEGULA_ASSIGN_OR_RETURN(const std::string name, value_name());
      if (in_.take('=')) {
        TEGULA_ASSIGN_OR_RETURN(Value * value, operand());
        outputs.emplace_back(name, value);
      } else {
        TEGULA_ASSIGN_OR_RETURN(Value * value, operand_named(name));
        outputs.emplace_back(name, value);
      }
      if (!outputs.back().second) return in_.fail("an output cannot be absent");
      const auto same_name = [&](const auto& output) { return output.first == outputs.back().first; };
      if (std::count_if(outputs.begin(), outputs.end(), same_name) > 1)
        return in_.fail(concat("there is an output '", outputs.back().first, "' already"));
    } while (in_.take(','));
    graph_.set_outputs(std::move(outputs));
    returned_ = true;
    return {};
  }

  Status node() {
    std::vector<std::string> names;
    std::vector<bool> wanted;
    do {
      wanted.push_back(!in_.take_word("_"));
      if (!wanted.back()) {
        names.emplace_back();
        continue;
      }
      TEGULA_ASSIGN_OR_RETURN(std::string name, value_name());
      if (graph_.find_value(name)) return in_.fail(concat("there is a value '", name, "' already"));
      names.push_back(std::move(name));
    } while (in_.take(','));
    if (!in_.take('=')) return in_.fail("'=' expected");
    const std::string op_name = in_.word();
    if (!in_.take('(')) return in_.fail("an operation and '(' expected");
    std::vector<Value*> inputs;
    while (!in_.take(')')) {
      if (!inputs.empty() && !in_.take(',')) return in_.fail("',' or ')' expected");
      TEGULA_ASSIGN_OR_RETURN(Value * value, operand());
      inputs.push_back(value);
    }
    Attributes attributes;
    std::vector<PostOp> post_ops;
    if (in_.take('{')) TEGULA_RETURN_IF_ERROR(attribute_list(inputs.size(), attributes, post_ops));
    const OpDef* op = find_op(op_name);
    if (!op) {
      const auto function = function_from_name(op_name);
      if (!function) return in_.fail(concat("there is no operation '", op_name, "'"));
      op = &eltwise_op;
      FunctionProgram program = one_function(*function, static_cast<float>(attributes.number("alpha")),
                                             static_cast<float>(attributes.number("beta")), attributes.dtype("to"));
      for (const char* used : {"alpha", "beta", "to"}) attributes.erase(used);
      attributes.set("program", std::move(program));
    }
    std::vector<TensorType> types;
    if (in_.take(':')) {
      do {
        if (in_.take_word("_")) {
          types.emplace_back();
          continue;
        }
        TEGULA_ASSIGN_OR_RETURN(TensorType found, type());
        types.push_back(std::move(found));
      } while (in_.take(','));
    }
    std::vector<std::string> origins;
    while (in_.take('@')) {
      TEGULA_ASSIGN_OR_RETURN(std::string origin, in_.quoted());
      origins.push_back(std::move(origin));
    }
    return add_node(*op, std::move(inputs), std::move(attributes), post_ops, origins, names, wanted, types);
  }

  Status add_node(const OpDef& op, std::vector<Value*> inputs, Attributes attributes,
                  const std::vector<PostOp>& post_ops, const std::vector<std::string>& origins,
                  const std::vector<std::string>& names, const std::vector<bool>& wanted,
                  const std::vector<TensorType>& types) {
    auto added = graph_.add_node(op, std::move(inputs), std::move(attributes), origins, names);
    if (!added.ok()) return in_.fail(added.error().message);
    Node* node = *added;
    if (node->outputs.size() < names.size()) return in_.fail(concat("the node has ", node->outputs.size(), " outputs"));
    for (const PostOp& post_op : post_ops) graph_.add_post_op(node, post_op);
    for (std::size_t i = 0; i < types.size() && i < node->outputs.size(); ++i) {
      const Value& output = *node->outputs[i];
      if (i < wanted.size() && !wanted[i]) continue;
      if (output.dtype != types[i].dtype || output.shape != types[i].shape)
        return in_.fail(concat("the type of '", output.name, "' is ", type_text(output)));
    }
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (!wanted[i]) graph_.drop_output(node, i);
    return {};
  }

  // ---------------------------------------------------------------- values

  Result<std::string> value_name() {
    in_.take('%');
    if (in_.peek() == '"') return in_.quoted();
    std::string name = in_.name();
    if (name.empty()) return in_.fail("a name expected");
    return name;
  }

  /// nullptr for "-".
  Result<Value*> operand() {
    if (in_.take_word("-")) return nullptr;
    TEGULA_ASSIGN_OR_RETURN(const std::string name, value_name());
    return operand_named(name);
  }

  Result<Value*> operand_named(const std::string& name) {
    Value* known = graph_.find_value(name);
    if (!in_.take(':')) {
      if (!known) return in_.fail(concat("there is no value '", name, "'"));
      return known;
    }
    TEGULA_ASSIGN_OR_RETURN(TensorType declared, type());
    if (in_.take('=')) return add_constant(name, declared);
    return add_input(name, std::move(declared));
  }

  Result<Value*> add_input(const std::string& name, TensorType declared) {
    if (graph_.find_value(name)) return in_.fail(concat("there is a value '", name, "' already"));
    return graph_.add_input(name, declared.dtype, std::move(declared.shape));
  }

  Result<Value*> add_constant(const std::string& name, const TensorType& declared) {
    if (graph_.find_value(name)) return in_.fail(concat("there is a value '", name, "' already"));
    const auto sizes = constant_dims(declared.shape);
    if (!sizes || !checked_element_count(*sizes)) return in_.fail("the sizes of a constant are numbers");
    TEGULA_ASSIGN_OR_RETURN(Literal elements, literal(declared.dtype, *sizes));
    return graph_.add_constant(name, std::move(elements));
  }

  Result<TensorType> type() {
    const std::string name = in_.word();
    const auto dtype = dtype_from_name(name);
    if (!dtype) return in_.fail(concat("'", name, "' is no element type"));
    TensorType result{*dtype, {}};
    if (in_.peek() == '[') {
      TEGULA_ASSIGN_OR_RETURN(result.shape, dims());
    }
    return result;
  }

  Result<Shape> dims() {
    TEGULA_ASSIGN_OR_RETURN(const std::vector<std::string> elements, list());
    Shape shape;
    for (const std::string& element : elements) {
      auto dim = Dim::parse(element);
      if (!dim.ok()) return in_.fail(dim.error().message);
      shape.push_back(*std::move(dim));
    }
    return shape;
  }

  /// "[a, b, ...]": the texts between the commas.
  Result<std::vector<std::string>> list() {
    if (!in_.take('[')) return in_.fail("'[' expected");
    std::vector<std::string> elements;
    while (!in_.take(']')) {
      if (!elements.empty() && !in_.take(',')) return in_.fail("',' or ']' expected");
      elements.push_back(in_.until(",]"));
      if (elements.back().empty()) return in_.fail("an element expected");
    }
    return elements;
  }

  // ---------------------------------------------------------------- literals

  Result<Literal> literal(DType dtype, const Dims& shape) {
    if (in_.take_word("random")) {
      if (!in_.take('(')) return in_.fail("'(' expected");
      const auto seed = number_from<uint64_t>(in_.until(")"));
      if (!seed || !in_.take(')')) return in_.fail("a seed expected");
      return random_literal(dtype, shape, *seed);
    }
    const bool is_fill = in_.take_word("fill");
    const bool is_bits = !is_fill && in_.take_word("bits");
    std::vector<std::string> elements;
    if (is_fill) {
      if (!in_.take('(')) return in_.fail("'(' expected");
      elements.assign(static_cast<std::size_t>(element_count(shape)), in_.until(")"));
      if (!in_.take(')')) return in_.fail("')' expected");
    } else if (in_.peek() == '[') {
      TEGULA_ASSIGN_OR_RETURN(elements, list());
    } else {
      elements.push_back(in_.name());
    }
    if (static_cast<int64_t>(elements.size()) != element_count(shape))
      return in_.fail(concat("the type says ", element_count(shape), " elements, here are ", elements.size()));
    if (is_bits && size_of(dtype) != 2) return in_.fail("'bits' is for types of 16 bits");
    bool all_read = true;
    Literal result = Literal::make(dtype, shape, [&](const kernels::TensorView& view) {
      for (std::size_t i = 0; i < elements.size(); ++i)
        all_read &= write_element(is_bits ? DType::kU16 : dtype, elements[i], view.data + i * size_of(dtype));
    });
    if (!all_read) return in_.fail(concat("an element is no ", name_of(dtype)));
    return result;
  }

  static bool write_element(DType dtype, const std::string& text, std::byte* to) {
    if (dtype == DType::kF16) return false;
    if (dtype == DType::kBF16) {
      const auto value = number_from<float>(text);
      const uint16_t narrow = value ? kernels::bf16_from_f32(*value) : uint16_t{0};
      std::copy_n(reinterpret_cast<const std::byte*>(&narrow), sizeof(narrow), to);
      return value && kernels::f32_from_bf16(narrow) == *value;
    }
    return visit_native(dtype, [&]<typename T>(T) {
      const auto value = number_from<T>(text);
      if (value) std::copy_n(reinterpret_cast<const std::byte*>(&*value), sizeof(T), to);
      return value.has_value();
    });
  }

  // ---------------------------------------------------------------- attributes

  Status attribute_list(std::size_t inputs, Attributes& attributes, std::vector<PostOp>& post_ops) {
    while (!in_.take('}')) {
      const bool is_first = attributes.map().empty() && post_ops.empty();
      if (!is_first && !in_.take(',')) return in_.fail("',' or '}' expected");
      const std::string key = in_.word();
      if (key.empty() || !in_.take('=')) return in_.fail("'name=value' expected");
      if (key == "post_ops") {
        TEGULA_RETURN_IF_ERROR(post_op_list(post_ops));
        continue;
      }
      TEGULA_ASSIGN_OR_RETURN(Attribute value, attribute(inputs));
      attributes.set(key, std::move(value));
    }
    return {};
  }

  Result<Attribute> attribute(std::size_t inputs) {
    const char c = in_.peek();
    if (c == '"') {
      TEGULA_ASSIGN_OR_RETURN(std::string text, in_.quoted());
      return Attribute(std::move(text));
    }
    if (c == '<') return program(inputs);
    if (c == '[') return list_attribute();
    const std::string text = in_.until(",}");
    if (const auto integer = number_from<int64_t>(text)) return Attribute(*integer);
    if (const auto real = number_from<double>(text)) return Attribute(*real);
    if (const auto dtype = dtype_from_name(text)) return Attribute(*dtype);
    return in_.fail(concat("'", text, "' is no value of an attribute"));
  }

  Result<Attribute> list_attribute() {
    TEGULA_ASSIGN_OR_RETURN(const std::vector<std::string> elements, list());
    std::vector<int64_t> integers;
    std::vector<double> reals;
    std::vector<std::string> texts;
    Shape sizes;
    for (const std::string& element : elements) {
      if (element[0] == '"') {
        TextScanner inside(element);
        inside.next_statement();
        TEGULA_ASSIGN_OR_RETURN(std::string text, inside.quoted());
        texts.push_back(std::move(text));
        continue;
      }
      const auto integer = number_from<int64_t>(element);
      const auto real = number_from<double>(element);
      if (integer) integers.push_back(*integer);
      if (real) reals.push_back(*real);
      if (const auto dim = Dim::parse(element); dim.ok()) sizes.push_back(*dim);
    }
    if (integers.size() == elements.size()) return Attribute(std::move(integers));
    if (reals.size() == elements.size()) return Attribute(std::move(reals));
    if (texts.size() == elements.size()) return Attribute(std::move(texts));
    if (sizes.size() == elements.size()) return Attribute(std::move(sizes));
    return in_.fail("a list of numbers, texts or sizes expected");
  }

  /// "<add 0 1; clip 2 alpha=0 beta=6>"
  Result<Attribute> program(std::size_t inputs) {
    in_.take('<');
    FunctionProgram program;
    program.inputs = static_cast<uint16_t>(inputs);
    do {
      FunctionInstruction instruction;
      const std::string name = in_.word();
      const auto function = function_from_name(name);
      if (!function) return in_.fail(concat("there is no function '", name, "'"));
      instruction.function = *function;
      uint16_t* const operands[] = {&instruction.a, &instruction.b, &instruction.c};
      for (int i = 0; i < arity_of(*function); ++i) {
        const auto operand = number_from<uint16_t>(in_.name());
        if (!operand) return in_.fail(concat(name, " has ", arity_of(*function), " operands"));
        *operands[i] = *operand;
      }
      while (in_.peek() != ';' && in_.peek() != '>') TEGULA_RETURN_IF_ERROR(parameter(instruction));
      program.instructions.push_back(instruction);
    } while (in_.take(';'));
    if (!in_.take('>')) return in_.fail("'>' expected");
    return Attribute(std::move(program));
  }

  /// "alpha=0.5", "beta=1", "to=f32"
  Status parameter(FunctionInstruction& instruction) {
    const std::string key = in_.word();
    if (!in_.take('=')) return in_.fail("alpha=, beta= or to= expected");
    const std::string text = in_.name();
    if (key == "to") {
      const auto dtype = dtype_from_name(text);
      if (!dtype) return in_.fail(concat("'", text, "' is no element type"));
      instruction.to = *dtype;
      return {};
    }
    const auto value = number_from<float>(text);
    if (!value || (key != "alpha" && key != "beta")) return in_.fail("alpha=, beta= or to= expected");
    (key == "alpha" ? instruction.alpha : instruction.beta) = *value;
    return {};
  }

  /// "=3"
  template <typename T>
  Status assigned(T& to) {
    const bool has_sign = in_.take('=');
    const auto value = has_sign ? number_from<T>(in_.name()) : std::nullopt;
    if (!value) return in_.fail("'=' and a number expected");
    to = *value;
    return {};
  }

  Status post_op_list(std::vector<PostOp>& post_ops) {
    if (!in_.take('[')) return in_.fail("'[' expected");
    while (!in_.take(']')) {
      if (!post_ops.empty() && !in_.take(',')) return in_.fail("',' or ']' expected");
      const std::string name = in_.word();
      const auto function = function_from_name(name);
      if (!function) return in_.fail(concat("there is no function '", name, "'"));
      PostOp post_op{.function = *function};
      if (in_.take('(')) TEGULA_RETURN_IF_ERROR(post_op_arguments(post_op));
      post_ops.push_back(post_op);
    }
    return {};
  }

  Status post_op_arguments(PostOp& post_op) {
    FunctionInstruction parameters;
    bool is_first = true;
    while (!in_.take(')')) {
      if (!is_first && !in_.take(',')) return in_.fail("',' or ')' expected");
      is_first = false;
      if (in_.peek() == '%') {
        TEGULA_ASSIGN_OR_RETURN(post_op.operand, operand());
      } else if (in_.take_word("first")) {
        post_op.operand_first = true;
      } else if (in_.take_word("scale")) {
        TEGULA_RETURN_IF_ERROR(assigned(post_op.operand_scale));
      } else if (in_.take_word("zero_point")) {
        TEGULA_RETURN_IF_ERROR(assigned(post_op.operand_zero_point));
      } else {
        TEGULA_RETURN_IF_ERROR(parameter(parameters));
      }
    }
    post_op.alpha = parameters.alpha;
    post_op.beta = parameters.beta;
    return {};
  }

  TextScanner in_;
  Graph graph_;
  bool returned_ = false;
};

}  // namespace

Result<Graph> parse(std::string_view text) {
  return GraphParser(text).all();
}

}  // namespace tegula::compiler
