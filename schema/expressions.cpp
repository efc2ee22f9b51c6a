#include "schema/expressions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace tegula {
namespace {

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

int64_t add(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_add_overflow(a, b, &r) ? (b > 0 ? kHighest : kLowest) : r;
}

int64_t sub(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_sub_overflow(a, b, &r) ? (b < 0 ? kHighest : kLowest) : r;
}

int64_t mul(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_mul_overflow(a, b, &r) ? ((a < 0) == (b < 0) ? kHighest : kLowest) : r;
}

int64_t floor_div(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return sub(0, a);  // the only quotient that can overflow
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

int64_t ceil_div(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return sub(0, a);
  return a / b + ((a % b != 0 && (a < 0) == (b < 0)) ? 1 : 0);
}

int64_t mod(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

int64_t whole(double number) {
  if (!(number > -9.2e18)) return kLowest;  // also NaN
  if (number > 9.2e18) return kHighest;
  return static_cast<int64_t>(number);
}

int64_t scale_floor(int64_t a, double scale) {
  return whole(std::floor(static_cast<double>(a) * scale));
}

double real(int64_t bits) {
  return std::bit_cast<double>(bits);
}

int64_t real_scale_floor(int64_t a, int64_t scale) {
  const float product = static_cast<float>(a) * static_cast<float>(real(scale));
  return whole(std::floor(static_cast<double>(product)));
}

int64_t real_range_count(int64_t start, int64_t limit, int64_t delta) {
  return std::max<int64_t>(0, whole(std::ceil((real(limit) - real(start)) / real(delta))));
}

}  // namespace

int operands_of(ExprOp op) {
  switch (op) {
    case ExprOp::kConstant:
    case ExprOp::kSymbol: return 0;
    case ExprOp::kScaleFloor: return 1;
    case ExprOp::kSelect:
    case ExprOp::kRealRangeCount: return 3;
    case ExprOp::kAdd:
    case ExprOp::kSub:
    case ExprOp::kMul:
    case ExprOp::kFloorDiv:
    case ExprOp::kCeilDiv:
    case ExprOp::kMod:
    case ExprOp::kMin:
    case ExprOp::kMax:
    case ExprOp::kEqual:
    case ExprOp::kLess:
    case ExprOp::kRealScaleFloor:
    case ExprOp::kRealRatio: return 2;
  }
  return -1;
}

void evaluate(std::span<const ExprNode> nodes, std::span<const int64_t> symbols, std::span<int64_t> values) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const ExprNode& node = nodes[i];
    const int operands = operands_of(node.op);
    const int64_t a = operands > 0 ? values[node.a] : 0;
    const int64_t b = operands > 1 ? values[node.b] : 0;
    const int64_t c = operands > 2 ? values[node.c] : 0;
    int64_t& out = values[i];
    switch (node.op) {
      case ExprOp::kConstant: out = node.value; break;
      case ExprOp::kSymbol: out = symbols[static_cast<std::size_t>(node.value)]; break;
      case ExprOp::kAdd: out = add(a, b); break;
      case ExprOp::kSub: out = sub(a, b); break;
      case ExprOp::kMul: out = mul(a, b); break;
      case ExprOp::kFloorDiv: out = floor_div(a, b); break;
      case ExprOp::kCeilDiv: out = ceil_div(a, b); break;
      case ExprOp::kMod: out = mod(a, b); break;
      case ExprOp::kMin: out = std::min(a, b); break;
      case ExprOp::kMax: out = std::max(a, b); break;
      case ExprOp::kSelect: out = a != 0 ? b : c; break;
      case ExprOp::kEqual: out = a == b; break;
      case ExprOp::kLess: out = a < b; break;
      case ExprOp::kScaleFloor: out = scale_floor(a, node.scale); break;
      case ExprOp::kRealScaleFloor: out = real_scale_floor(a, b); break;
      case ExprOp::kRealRatio: out = std::bit_cast<int64_t>(static_cast<double>(a) / static_cast<double>(b)); break;
      case ExprOp::kRealRangeCount: out = real_range_count(a, b, c); break;
    }
  }
}

}  // namespace tegula
