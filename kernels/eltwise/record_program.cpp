#include "kernels/eltwise/record_program.h"

#include <bit>
#include <optional>
#include <vector>

#include "kernels/math/recorded.h"
#include "schema/function_types.h"
// The templates find recorded.h's operations by the types of their arguments.
#include "kernels/math/apply.h"
#include "kernels/math/quantized.h"

namespace tegula::kernels {
namespace {

using jit::VectorOp;
using math::RecordedFloat;
using math::RecordedInt;
using math::RecordedMask;
using math::RecordedValue;

/// Narrow types that a lane holds as a wider one of equal value.
constexpr bool is_widened_int(DType type) {
  return type == DType::kS8 || type == DType::kU8;
}

/// Types that instructions compute with; the others come in and go out, through conversions.
constexpr bool is_lane_type(DType type) {
  return type == DType::kF32 || type == DType::kS32 || type == DType::kBool;
}
constexpr bool is_value_type(DType type) {
  return is_lane_type(type) || is_widened_int(type) || type == DType::kBF16;
}

/// Functions of narrow integers whose results need no wrapping around.
bool stays_in_range(Function function) {
  return function == Function::k_min || function == Function::k_max || returns_bool(function);
}

struct Typed {
  DType type;
  RecordedValue value;

  RecordedFloat as_float() const { return math::seen_as<RecordedFloat>(value); }
  RecordedInt as_int() const { return math::seen_as<RecordedInt>(value); }
  RecordedMask as_mask() const { return math::seen_as<RecordedMask>(value); }
};

class ProgramRecorder {
 public:
  explicit ProgramRecorder(const FunctionProgram& source) : source_(source) {}

  Result<jit::VectorProgram> record(std::span<const DType> inputs, std::span<const DType> results) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!is_value_type(inputs[i])) return unsupported_type(inputs[i]);
      const bool is_mask = inputs[i] == DType::kBool;
      values_.push_back({inputs[i], math::recorded<RecordedValue>(program_, {.op = VectorOp::kInput,
                                                                             .immediate = static_cast<uint32_t>(i),
                                                                             .is_mask = is_mask})});
    }
    for (std::size_t i = 0; i < source_.instructions.size(); ++i) {
      if (!is_value_type(results[i])) return unsupported_type(results[i]);
      if (!record(source_.instructions[i], results[i]))
        return Error{ErrorCode::kUnsupported,
                     concat("generated code has no ", name_of(source_.instructions[i].function), " of ",
                            name_of(values_[source_.instructions[i].a].type))};
    }
    program_.outputs = {values_.back().value.id};
    return program_.without_dead_code();
  }

 private:
  static Error unsupported_type(DType type) {
    return Error{ErrorCode::kUnsupported, concat("generated code does not compute with ", name_of(type))};
  }

  /// Appends the instruction; false when there is no code for it.
  bool record(const FunctionInstruction& in, DType result) {
    const Typed& x = values_[in.a];
    std::optional<RecordedValue> value;
    if (in.function == Function::k_cast) {
      value = cast(x, result);
    } else if (in.function == Function::k_where) {
      value = where(x.as_mask(), values_[in.b], values_[in.c]);
    } else if (in.function == Function::k_identity) {
      value = x.value;
    } else if (converts_quantization(in.function)) {
      value = quantization(in, x, result);
    } else if (x.type == DType::kF32) {
      value = of_float(in, x);
    } else if (x.type == DType::kBF16) {
      value = of_float(in, x);
      if (value && result == DType::kBF16) value = rounded_to_bf16(math::seen_as<RecordedFloat>(*value));
    } else if (x.type == DType::kBool) {
      value = of_bool(in, x);
    } else if (x.type == DType::kS32 || (is_widened_int(x.type) && stays_in_range(in.function))) {
      value = of_int(in, x);
    }
    if (value) values_.push_back({result, *value});
    return value.has_value();
  }

  std::optional<RecordedValue> of_float(const FunctionInstruction& in, const Typed& x) {
    if (arity_of(in.function) == 2 && values_[in.b].type != x.type) return std::nullopt;  // a power of mixed types
    switch (math::fp32_kind(in.function)) {
      case math::Fp32Kind::kUnary: return math::apply_unary(in.function, x.as_float(), in.alpha, in.beta);
      case math::Fp32Kind::kBinary: return math::apply_binary(in.function, x.as_float(), values_[in.b].as_float());
      case math::Fp32Kind::kPredicate: {
        const RecordedFloat y = arity_of(in.function) == 2 ? values_[in.b].as_float() : x.as_float();
        return math::apply_predicate(in.function, x.as_float(), y, in.alpha, in.beta);
      }
      case math::Fp32Kind::kNone: break;
    }
    return std::nullopt;
  }

  std::optional<RecordedValue> of_bool(const FunctionInstruction& in, const Typed& x) {
    if (in.function == Function::k_logical_not) return ~x.as_mask();
    const RecordedMask y = values_[in.b].as_mask();
    switch (in.function) {
      case Function::k_logical_and: return x.as_mask() & y;
      case Function::k_logical_or: return x.as_mask() | y;
      case Function::k_logical_xor: return x.as_mask() ^ y;
      case Function::k_equal: return ~(x.as_mask() ^ y);
      default: return std::nullopt;
    }
  }

  std::optional<RecordedValue> of_int(const FunctionInstruction& in, const Typed& x_value) {
    const RecordedInt x = x_value.as_int();
    if (in.function == Function::k_neg) return RecordedInt(0) - x;
    if (arity_of(in.function) != 2 || values_[in.b].type != x_value.type) return std::nullopt;
    const RecordedInt y = values_[in.b].as_int();
    const auto greater = [](const RecordedInt& a, const RecordedInt& b) {
      return math::record<RecordedMask>(VectorOp::kIntGreater, 0, a, b);
    };
    switch (in.function) {
      case Function::k_add: return x + y;
      case Function::k_sub: return x - y;
      case Function::k_mul: return math::record_int(VectorOp::kIntMul, x, y);
      case Function::k_min: return math::record_int(VectorOp::kIntMin, x, y);
      case Function::k_max: return math::record_int(VectorOp::kIntMax, x, y);
      case Function::k_bitwise_and: return x & y;
      case Function::k_bitwise_or: return x | y;
      case Function::k_bitwise_xor: return x ^ y;
      case Function::k_equal: return equal(x, y);
      case Function::k_greater: return greater(x, y);
      case Function::k_less: return greater(y, x);
      case Function::k_less_or_equal: return ~greater(x, y);
      case Function::k_greater_or_equal: return ~greater(y, x);
      default: return std::nullopt;
    }
  }

  std::optional<RecordedValue> where(const RecordedMask& mask, const Typed& y, const Typed& z) {
    if (y.type == DType::kBool) return (mask & y.as_mask()) | (~mask & z.as_mask());
    return select(mask, y.as_int(), z.as_int());  // bits are bits
  }

  RecordedValue quantization(const FunctionInstruction& in, const Typed& x, DType result) {
    const RecordedFloat alpha(in.alpha), beta(in.beta);
    switch (in.function) {
      case Function::k_quantize: return quantized(x.as_float(), alpha, beta, math::range_of(result));
      case Function::k_requantize: return requantized(x.as_float(), alpha, beta, math::range_of(result));
      case Function::k_quantize_by:
        return quantized(x.as_float(), values_[in.b].as_float(), to_float(values_[in.c].as_int()),
                         math::range_of(result));
      case Function::k_dequantize:
        if (in.beta == 0) return to_float(x.as_int()) * alpha;
        return dequantized(x.as_int(), RecordedInt(static_cast<int32_t>(in.beta)), alpha);
      default: return dequantized(x.as_int(), values_[in.c].as_int(), values_[in.b].as_float());
    }
  }

  std::optional<RecordedValue> cast(const Typed& x, DType to) {
    if (x.type == to && to != DType::kBF16) return x.value;  // subnormal bf16 become zero
    const bool from_int = x.type == DType::kS32 || is_widened_int(x.type);
    const bool to_float_type = to == DType::kF32 || to == DType::kBF16;
    if (x.type == DType::kBool) {
      const int32_t one = to_float_type ? std::bit_cast<int32_t>(1.0f) : 1;
      return select(x.as_mask(), RecordedInt(one), RecordedInt(0));
    }
    const auto as_int = [&] { return from_int ? x.as_int() : truncate_to_int(x.as_float()); };
    switch (to) {
      case DType::kF32: return from_int ? RecordedValue(to_float(x.as_int())) : x.value;
      case DType::kBF16: return rounded_to_bf16(from_int ? to_float(x.as_int()) : x.as_float());
      case DType::kS32: return as_int();
      case DType::kU8: return as_int() & RecordedInt(0xff);
      case DType::kS8: return shift_right_signed(shift_left(as_int(), 24), 24);
      case DType::kBool:
        return from_int ? ~equal(x.as_int(), RecordedInt(0)) : not_equal(x.as_float(), RecordedFloat(0.0f));
      default: return std::nullopt;
    }
  }

  const FunctionProgram& source_;
  jit::VectorProgram program_;
  std::vector<Typed> values_;
};

}  // namespace

Result<jit::VectorProgram> record_program(const FunctionProgram& program, std::span<const DType> inputs,
                                          bool converts_at_end) {
  if (converts_at_end) {
    FunctionProgram kept = program;
    kept.instructions.back().to = DType::kF32;
    return record_program(kept, inputs);
  }
  TEGULA_ASSIGN_OR_RETURN(const std::vector<DType> results, result_types(program, inputs));
  return ProgramRecorder(program).record(inputs, results);
}

}  // namespace tegula::kernels
