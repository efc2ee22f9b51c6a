#include "schema/expression_text.h"

namespace tegula {
namespace {

constexpr std::size_t kLongest = 200;
constexpr int kDeepest = 12;

// How tightly an operator binds: an operand that binds less than asked for gets parentheses.
enum Binding { kSum = 0, kProduct = 1, kAtom = 2 };

class Writer {
 public:
  using SymbolName = std::function<std::string_view(std::size_t)>;
  Writer(std::span<const ExprNode> nodes, const SymbolName& symbol_name) : nodes_(nodes), symbol_name_(symbol_name) {}

  void write(uint32_t index, Binding least, int depth) {
    if (depth > kDeepest || text_.size() > kLongest) {
      text_ += "...";
      return;
    }
    const ExprNode& node = nodes_[index];
    const auto infix = [&](const char* op, Binding binding, Binding right) {
      if (binding < least) text_ += '(';
      write(node.a, binding, depth + 1);
      text_ += op;
      write(node.b, right, depth + 1);
      if (binding < least) text_ += ')';
    };
    const auto call = [&](const char* name, int operands) {
      const uint32_t all[] = {node.a, node.b, node.c};
      text_ += name;
      for (int i = 0; i < operands; ++i) {
        text_ += i == 0 ? "(" : ", ";
        write(all[i], kSum, depth + 1);
      }
      text_ += ')';
    };
    switch (node.op) {
      case ExprOp::kConstant: text_ += std::to_string(node.value); break;
      case ExprOp::kSymbol: text_ += symbol_name_(static_cast<std::size_t>(node.value)).substr(0, kLongest); break;
      case ExprOp::kAdd: infix("+", kSum, kSum); break;
      case ExprOp::kSub: infix("-", kSum, kProduct); break;
      case ExprOp::kMul: infix("*", kProduct, kAtom); break;
      case ExprOp::kFloorDiv: quotient("floor", node, depth); break;
      case ExprOp::kCeilDiv: quotient("ceil", node, depth); break;
      case ExprOp::kMod: call("mod", 2); break;
      case ExprOp::kMin: call("min", 2); break;
      case ExprOp::kMax: call("max", 2); break;
      case ExprOp::kSelect: call("select", 3); break;
      case ExprOp::kEqual: call("equal", 2); break;
      case ExprOp::kLess: call("less", 2); break;
      case ExprOp::kScaleFloor:
        text_ += "floor(";
        write(node.a, kProduct, depth + 1);
        text_ += '*' + std::to_string(node.scale) + ')';
        break;
      case ExprOp::kRealScaleFloor: call("scale", 2); break;
      case ExprOp::kRealRatio: call("ratio", 2); break;
      case ExprOp::kRealRangeCount: call("range_count", 3); break;
    }
  }

  std::string text() && { return std::move(text_); }

 private:
  void quotient(const char* rounding, const ExprNode& node, int depth) {
    text_ += rounding;
    text_ += '(';
    write(node.a, kProduct, depth + 1);
    text_ += '/';
    write(node.b, kAtom, depth + 1);
    text_ += ')';
  }

  std::span<const ExprNode> nodes_;
  const SymbolName& symbol_name_;
  std::string text_;
};

}  // namespace

std::string expression_text(std::span<const ExprNode> nodes,
                            const std::function<std::string_view(std::size_t)>& symbol_name, uint32_t expression) {
  Writer writer(nodes, symbol_name);
  writer.write(expression, kSum, 0);
  return std::move(writer).text();
}

}  // namespace tegula
