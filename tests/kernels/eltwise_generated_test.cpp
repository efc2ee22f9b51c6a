// Generated elementwise chains against the plain loops, bit for bit, on guard pages, for every ISA that the machine
// has.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/eltwise/eltwise_kernel.h"
#include "kernels/float16.h"
#include "schema/function_types.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

FunctionInstruction instruction(Function function, uint16_t a = 0, uint16_t b = 1, uint16_t c = 2, float alpha = 0.5f,
                                float beta = 2.0f, DType to = DType::kF32) {
  return {function, a, b, c, alpha, beta, to};
}
FunctionInstruction cast(uint16_t a, DType to) {
  return instruction(Function::k_cast, a, 0, 0, 0, 0, to);
}

uint32_t next(uint32_t& state) {
  return state = state * 1664525U + 1013904223U;
}

void fill(DType type, std::byte* data, int64_t count, uint32_t seed) {
  uint32_t state = seed;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = next(state) >> 8;
    if (type == DType::kF32) {
      const float specials[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-40f};
      const float value = bits % 31 < 6 ? specials[bits % 31] : (static_cast<float>(bits) / (1 << 23) - 1.0f) * 4.0f;
      std::memcpy(data + 4 * i, &value, 4);
    } else if (type == DType::kS32) {
      const int32_t value = bits % 7 == 0 ? INT32_MIN : static_cast<int32_t>(bits % 100) - 50;
      std::memcpy(data + 4 * i, &value, 4);
    } else if (type == DType::kBF16) {
      const uint16_t specials[] = {0, 0x8000, 0x7fc1, 0xff80, 0x7f80, 0x0001, 0x3f81};
      const auto value = bits % 31 < 7 ? specials[bits % 31] : static_cast<uint16_t>(0x3e00 + (bits & 0x83ff));
      std::memcpy(data + 2 * i, &value, 2);
    } else {
      data[i] = static_cast<std::byte>(type == DType::kBool ? bits % 2 : bits % 256);
    }
  }
}

struct Operand {
  DType dtype;
  Dims dims;
};

bool same_element(DType type, const std::byte* a, const std::byte* b) {
  if (std::memcmp(a, b, size_of(type)) == 0) return true;
  if (type == DType::kBF16) {
    uint16_t x = 0, y = 0;
    std::memcpy(&x, a, 2);
    std::memcpy(&y, b, 2);
    return std::isnan(f32_from_bf16(x)) && std::isnan(f32_from_bf16(y));
  }
  if (type != DType::kF32) return false;
  float x = 0, y = 0;
  std::memcpy(&x, a, 4);
  std::memcpy(&y, b, 4);
  return std::isnan(x) && std::isnan(y);
}

std::vector<jit::CpuFeatures> isas() {
  std::vector<jit::CpuFeatures> list;
  for (const char* name : {"avx2", "avx512", "avx512_bf16"}) {
    const jit::CpuFeatures cap = jit::CpuFeatures::from_name(name).value();
    if (jit::CpuFeatures::detect().intersect(cap) == cap) list.push_back(cap);
  }
  return list;
}

/// Runs the chain on generated code, in `parts` runs of units, and on plain loops; compares all of dst.
void expect_same(const FunctionProgram& program, const std::vector<Operand>& operands, const Dims& dims,
                 int64_t parts = 1) {
  std::vector<std::unique_ptr<GuardedBuffer<std::byte>>> buffers;
  std::vector<TensorView> inputs;
  std::vector<const std::byte*> addresses;
  std::vector<DType> types;
  for (const Operand& operand : operands) {
    const int64_t count = element_count(operand.dims);
    buffers.push_back(
        std::make_unique<GuardedBuffer<std::byte>>(static_cast<std::size_t>(count) * size_of(operand.dtype)));
    fill(operand.dtype, buffers.back()->data(), count, static_cast<uint32_t>(buffers.size()));
    inputs.push_back(TensorView::contiguous(operand.dtype, operand.dims, static_cast<void*>(buffers.back()->data())));
    addresses.push_back(buffers.back()->data());
    types.push_back(operand.dtype);
  }
  const auto results = result_types(program, types);
  ASSERT_TRUE(results.ok()) << results.error().message;
  const DType type = results->back();
  const auto bytes = static_cast<std::size_t>(element_count(dims)) * size_of(type);
  std::vector<std::byte> expected(bytes);
  ASSERT_TRUE(
      check_eltwise(program, inputs, TensorView::contiguous(type, dims, static_cast<void*>(expected.data()))).ok());
  ASSERT_TRUE(
      eltwise_reference(program, inputs, TensorView::contiguous(type, dims, static_cast<void*>(expected.data()))).ok());

  for (const jit::CpuFeatures& cpu : isas()) {
    GuardedBuffer<std::byte> actual(bytes);
    const TensorView dst = TensorView::contiguous(type, dims, static_cast<void*>(actual.data()));
    const auto desc = describe_eltwise(program, inputs, dst, cpu);
    ASSERT_TRUE(desc.ok()) << desc.error().message;
    const auto code = build_eltwise(*desc);
    ASSERT_TRUE(code.ok()) << code.error().message;
    const EltwisePlan plan(inputs, dst);
    for (int64_t part = 0; part < parts; ++part)
      plan.run(**code, addresses, actual.data(), plan.units() * part / parts, plan.units() * (part + 1) / parts);
    for (int64_t i = 0; i < element_count(dims); ++i) {
      const auto at = static_cast<std::size_t>(i) * size_of(type);
      ASSERT_TRUE(same_element(type, actual.data() + at, expected.data() + at))
          << desc->name() << " differs at element " << i << " of " << to_string(dims);
    }
  }
}

FunctionProgram chain(uint16_t inputs, std::vector<FunctionInstruction> instructions) {
  return {inputs, std::move(instructions)};
}

TEST(EltwiseGenerated, EveryTailLength) {
  const auto program = chain(2, {instruction(Function::k_mul), instruction(Function::k_tanh, 2)});
  for (int64_t n = 1; n <= 140; ++n) expect_same(program, {{DType::kF32, {n}}, {DType::kF32, {n}}}, {n});
}

TEST(EltwiseGenerated, EveryFunctionOfFloats) {
  for (int number = 0; is_valid(static_cast<Function>(number)); ++number) {
    const auto function = static_cast<Function>(number);
    const int arity = arity_of(function);
    const std::vector<DType> types(static_cast<std::size_t>(arity), DType::kF32);
    if (!result_type(instruction(function), types)) continue;
    expect_same(chain(static_cast<uint16_t>(arity), {instruction(function)}),
                std::vector<Operand>(static_cast<std::size_t>(arity), {DType::kF32, {3, 37}}), {3, 37});
  }
}

TEST(EltwiseGenerated, EveryBroadcast) {
  const auto program = chain(
      3, {instruction(Function::k_sub, 0, 1), instruction(Function::k_max, 3, 2), instruction(Function::k_relu, 4)});
  const Dims shapes[] = {{2, 3, 4, 19}, {4, 19}, {19},          {1},          {},
                         {3, 1, 1},     {4, 1},  {2, 1, 1, 19}, {2, 1, 4, 1}, {1, 3, 1, 19}};
  for (const Dims& a : shapes)
    for (const Dims& b : shapes)
      expect_same(program, {{DType::kF32, {2, 3, 4, 19}}, {DType::kF32, a}, {DType::kF32, b}}, {2, 3, 4, 19});
}

TEST(EltwiseGenerated, OnlyRepeatedInputs) {
  expect_same(chain(2, {instruction(Function::k_add)}), {{DType::kF32, {5, 1}}, {DType::kF32, {1}}}, {5, 40});
  expect_same(chain(1, {instruction(Function::k_identity)}), {{DType::kF32, {}}}, {100});
  expect_same(chain(1, {instruction(Function::k_exp)}), {{DType::kF32, {}}}, {});
}

TEST(EltwiseGenerated, UnitsOfLargeRowsAndOfManyRows) {
  const auto program = chain(2, {instruction(Function::k_add)});
  expect_same(program, {{DType::kF32, {2, 20000}}, {DType::kF32, {20000}}}, {2, 20000}, 3);
  expect_same(program, {{DType::kF32, {7, 300, 20}}, {DType::kF32, {7, 1, 20}}}, {7, 300, 20}, 5);
  expect_same(program, {{DType::kF32, {70000}}, {DType::kF32, {1}}}, {70000}, 4);
}

TEST(EltwiseGenerated, MasksComeInAndGoOut) {
  for (const int64_t n : {1, 5, 8, 15, 16, 17, 31, 64, 70}) {
    const auto where = chain(3, {instruction(Function::k_where)});
    expect_same(where, {{DType::kBool, {3, n}}, {DType::kF32, {3, n}}, {DType::kF32, {1}}}, {3, n});
    expect_same(where, {{DType::kBool, {3, 1}}, {DType::kF32, {3, n}}, {DType::kF32, {n}}}, {3, n});
    expect_same(where, {{DType::kBool, {n}}, {DType::kBool, {3, n}}, {DType::kBool, {3, n}}}, {3, n});
    expect_same(chain(2, {instruction(Function::k_less)}), {{DType::kF32, {3, n}}, {DType::kF32, {n}}}, {3, n});
    expect_same(chain(3, {instruction(Function::k_greater, 0, 1), instruction(Function::k_logical_xor, 3, 2),
                          instruction(Function::k_logical_not, 4)}),
                {{DType::kF32, {3, n}}, {DType::kF32, {3, n}}, {DType::kBool, {n}}}, {3, n});
    expect_same(chain(2, {instruction(Function::k_logical_and)}), {{DType::kBool, {3, n}}, {DType::kBool, {3, 1}}},
                {3, n});
  }
}

TEST(EltwiseGenerated, IntegersAndCasts) {
  for (const int64_t n : {3, 16, 41}) {
    for (const Function function : {Function::k_add, Function::k_sub, Function::k_mul, Function::k_min, Function::k_max,
                                    Function::k_equal, Function::k_less, Function::k_less_or_equal, Function::k_greater,
                                    Function::k_greater_or_equal, Function::k_bitwise_and})
      expect_same(chain(2, {instruction(function)}), {{DType::kS32, {2, n}}, {DType::kS32, {2, 1}}}, {2, n});
    for (const DType from : {DType::kF32, DType::kS32, DType::kS8, DType::kU8, DType::kBool})
      for (const DType to : {DType::kF32, DType::kS32, DType::kBool}) {
        expect_same(chain(1, {cast(0, to)}), {{from, {2, n}}}, {2, n});
        expect_same(chain(2, {cast(0, to), cast(2, DType::kF32), instruction(Function::k_mul, 3, 1)}),
                    {{from, {2, 1}}, {DType::kF32, {2, n}}}, {2, n});
      }
  }
}

FunctionInstruction converting(Function function, uint16_t a, float scale, float zero_point, DType to = DType::kF32) {
  return instruction(function, a, 1, 2, scale, zero_point, to);
}

TEST(EltwiseGenerated, QuantizedEnds) {
  for (const DType type : {DType::kU8, DType::kS8}) {
    const float z = type == DType::kU8 ? 117.0f : -5.0f;
    for (const int64_t n : {1, 7, 8, 15, 16, 17, 33, 64, 131}) {
      expect_same(chain(1, {converting(Function::k_quantize, 0, 0.013f, z, type)}), {{DType::kF32, {3, n}}}, {3, n});
      expect_same(chain(1, {converting(Function::k_requantize, 0, 70.0f, z, type)}), {{DType::kF32, {3, n}}}, {3, n});
      for (const float zero_point : {0.0f, z})
        expect_same(chain(1, {converting(Function::k_dequantize, 0, 0.3f, zero_point)}), {{type, {3, n}}}, {3, n});
      // relu(a + b), with three scales, and one operand repeated along the row.
      for (const int64_t columns : {n, int64_t{1}})
        expect_same(chain(2, {converting(Function::k_dequantize, 0, 0.02f, z),
                              converting(Function::k_dequantize, 1, 0.05f, 3), instruction(Function::k_add, 2, 3),
                              instruction(Function::k_relu, 4), converting(Function::k_requantize, 5, 29.0f, 1, type)}),
                    {{type, {3, n}}, {type, {3, columns}}}, {3, n});
    }
  }
  expect_same(chain(1, {converting(Function::k_dequantize, 0, 0.3f, -70000)}), {{DType::kS32, {3, 21}}}, {3, 21});
}

TEST(EltwiseGenerated, TablesOfOneByte) {
  // Long chains of one quantized input are looked up; every byte comes.
  for (const DType from : {DType::kU8, DType::kS8})
    for (const DType to : {DType::kU8, DType::kS8})
      for (const Function function : {Function::k_gelu_erf, Function::k_sigmoid, Function::k_mish, Function::k_tanh}) {
        const auto program = chain(1, {converting(Function::k_dequantize, 0, 0.05f, from == DType::kU8 ? 130.0f : 2.0f),
                                       instruction(function, 1), converting(Function::k_requantize, 2, 33.0f, 5, to)});
        for (const int64_t n : {1, 15, 16, 31, 32, 33, 63, 64, 65, 200, 1000})
          expect_same(program, {{from, {3, n}}}, {3, n});
        expect_same(program, {{from, {1}}}, {40});
      }
  expect_same(chain(1, {converting(Function::k_dequantize, 0, 0.05f, 130), instruction(Function::k_sinh, 1),
                        instruction(Function::k_is_inf, 2)}),
              {{DType::kU8, {300}}}, {300});
}

TEST(EltwiseGenerated, ScalesOfOperands) {
  for (const DType type : {DType::kU8, DType::kS8})
    for (const int64_t n : {5, 16, 40})
      for (const Dims& dims : {Dims{n}, Dims{3, 1}, Dims{1}, Dims{3, n}}) {
        expect_same(chain(3, {instruction(Function::k_quantize_by)}),
                    {{DType::kF32, {3, n}}, {DType::kF32, dims}, {type, dims}}, {3, n});
        expect_same(chain(3, {instruction(Function::k_dequantize_by)}),
                    {{type, {3, n}}, {DType::kF32, dims}, {type, dims}}, {3, n});
      }
  expect_same(chain(3, {instruction(Function::k_dequantize_by)}),
              {{DType::kS32, {3, 19}}, {DType::kF32, {19}}, {DType::kS32, {19}}}, {3, 19});
}

TEST(EltwiseGenerated, BF16Ends) {
  for (const int64_t n : {1, 7, 8, 15, 16, 17, 33, 64, 131}) {
    expect_same(chain(1, {cast(0, DType::kBF16)}), {{DType::kF32, {3, n}}}, {3, n});
    expect_same(chain(1, {cast(0, DType::kF32)}), {{DType::kBF16, {3, n}}}, {3, n});
    expect_same(chain(2, {cast(0, DType::kF32), cast(1, DType::kF32), instruction(Function::k_add, 2, 3),
                          instruction(Function::k_gelu_erf, 4), cast(5, DType::kBF16)}),
                {{DType::kBF16, {3, n}}, {DType::kBF16, {3, 1}}}, {3, n});
    // Every instruction rounds where the chain computes in bf16.
    expect_same(chain(2, {instruction(Function::k_mul, 0, 1), instruction(Function::k_add, 2, 1)}),
                {{DType::kBF16, {3, n}}, {DType::kBF16, {n}}}, {3, n});
    expect_same(chain(2, {cast(0, DType::kF32), converting(Function::k_quantize, 2, 0.01f, 9, DType::kU8)}),
                {{DType::kBF16, {3, n}}, {DType::kBF16, {n}}}, {3, n});
  }
  for (const DType from : {DType::kF32, DType::kS32, DType::kU8, DType::kS8, DType::kBool, DType::kBF16})
    for (const DType to : {DType::kBF16, DType::kU8, DType::kS8})
      expect_same(chain(1, {cast(0, to)}), {{from, {2, 37}}}, {2, 37});
}

TEST(EltwiseGenerated, MinimaOfNarrowIntegers) {
  for (const DType type : {DType::kU8, DType::kS8})
    for (const Function function : {Function::k_min, Function::k_max, Function::k_less, Function::k_equal})
      expect_same(chain(2, {instruction(function)}), {{type, {3, 37}}, {type, {37}}}, {3, 37});
}

TEST(EltwiseGenerated, ManyInputsAndLongChains) {
  std::vector<FunctionInstruction> instructions;
  std::vector<Operand> operands;
  for (uint16_t i = 0; i < kMaxEltwiseInputs; ++i)
    operands.push_back({DType::kF32, i % 3 == 2 ? Dims{1} : Dims{3, 50}});
  instructions.push_back(instruction(Function::k_add, 0, 1));
  for (uint16_t i = 2; i < kMaxEltwiseInputs; ++i)
    instructions.push_back(instruction(i % 2 == 0 ? Function::k_add : Function::k_mul,
                                       static_cast<uint16_t>(kMaxEltwiseInputs + i - 2), i));
  expect_same({kMaxEltwiseInputs, instructions}, operands, {3, 50});

  // Every result is still wanted at the end: more values than registers.
  std::vector<FunctionInstruction> wide;
  for (uint16_t i = 0; i < 30; ++i)
    wide.push_back(instruction(Function::k_affine, i == 0 ? uint16_t{0} : i, 0, 0, 0.5f, static_cast<float>(i)));
  for (uint16_t i = 0; i < 29; ++i)
    wide.push_back(instruction(Function::k_add, static_cast<uint16_t>(30 + i), static_cast<uint16_t>(30 - i)));
  expect_same({1, wide}, {{DType::kF32, {3, 50}}}, {3, 50});
}

TEST(EltwiseGenerated, WorksInPlace) {
  for (const jit::CpuFeatures& cpu : isas()) {
    GuardedBuffer<float> x(75);
    for (std::size_t i = 0; i < 75; ++i) x[i] = static_cast<float>(i);
    const TensorView view = TensorView::contiguous(DType::kF32, Dims{75}, static_cast<void*>(x.data()));
    const auto program = chain(1, {instruction(Function::k_affine, 0, 0, 0, 2, 1)});
    const auto code = build_eltwise(describe_eltwise(program, std::vector{view}, view, cpu).value());
    const EltwisePlan plan(std::vector{view}, view);
    const std::byte* address = view.data;
    plan.run(**code, {&address, 1}, view.data, 0, plan.units());
    for (std::size_t i = 0; i < 75; ++i) ASSERT_EQ(x[i], 2 * static_cast<float>(i) + 1);
  }
}

TEST(EltwiseGenerated, GathersEvenlySpacedInputs) {
  // y[r, c] = tanh(a[c, r] * b[r, c] + d[3 c]) for every tail length.
  const auto program = chain(
      3, {instruction(Function::k_mul, 0, 1), instruction(Function::k_add, 3, 2), instruction(Function::k_tanh, 4)});
  const int order[] = {1, 0};
  for (const jit::CpuFeatures& cpu : isas())
    for (const int64_t n : {2, 7, 8, 9, 16, 31, 64, 133}) {
      const auto count = static_cast<std::size_t>(n);
      GuardedBuffer<float> a(5 * count), b(5 * count), d(3 * count - 2), y(5 * count);
      std::vector<float> expected(5 * count);
      for (GuardedBuffer<float>* buffer : {&a, &b, &d})
        fill(DType::kF32, reinterpret_cast<std::byte*>(buffer->data()), static_cast<int64_t>(buffer->size()), 77);
      const Dims dims = {5, n};
      TensorView spaced = TensorView::contiguous(DType::kF32, Dims{n}, static_cast<void*>(d.data()));
      spaced.strides[0] = 3;
      const std::vector<TensorView> inputs = {
          TensorView::contiguous(DType::kF32, Dims{n, 5}, static_cast<void*>(a.data())).permuted(order),
          TensorView::contiguous(DType::kF32, dims, static_cast<void*>(b.data())), spaced};
      const TensorView dst = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(y.data()));
      ASSERT_TRUE(eltwise_reference(program, inputs,
                                    TensorView::contiguous(DType::kF32, dims, static_cast<void*>(expected.data())))
                      .ok());
      const auto desc = describe_eltwise(program, inputs, dst, cpu);
      ASSERT_TRUE(desc.ok()) << desc.error().message;
      const auto code = build_eltwise(*desc);
      ASSERT_TRUE(code.ok()) << code.error().message;
      const EltwisePlan plan(inputs, dst);
      const std::vector<const std::byte*> addresses = {inputs[0].data, inputs[1].data, inputs[2].data};
      plan.run(**code, addresses, dst.data, 0, plan.units());
      for (std::size_t i = 0; i < expected.size(); ++i)
        ASSERT_TRUE(
            same_element(DType::kF32, reinterpret_cast<std::byte*>(&y[i]), reinterpret_cast<std::byte*>(&expected[i])))
            << desc->name() << " differs at element " << i << " of " << to_string(dims);
    }
}

TEST(EltwiseGenerated, GathersBackwardsAndBesideMasks) {
  // A reversed view, and a chain whose rows end one element at a time on AVX2.
  const auto program = chain(2, {instruction(Function::k_less, 0, 1)});
  for (const jit::CpuFeatures& cpu : isas()) {
    std::vector<float> a(50), b(50);
    for (std::size_t i = 0; i < 50; ++i) a[i] = b[i] = static_cast<float>(i);
    TensorView reversed = TensorView::contiguous(DType::kF32, Dims{50}, static_cast<void*>(a.data() + 49));
    reversed.strides[0] = -1;
    const std::vector<TensorView> inputs = {
        reversed, TensorView::contiguous(DType::kF32, Dims{50}, static_cast<void*>(b.data()))};
    GuardedBuffer<std::byte> y(50);
    const TensorView dst = TensorView::contiguous(DType::kBool, Dims{50}, static_cast<void*>(y.data()));
    const auto code = build_eltwise(describe_eltwise(program, inputs, dst, cpu).value());
    const EltwisePlan plan(inputs, dst);
    const std::vector<const std::byte*> addresses = {inputs[0].data, inputs[1].data};
    plan.run(**code, addresses, dst.data, 0, plan.units());
    for (std::size_t i = 0; i < 50; ++i) ASSERT_EQ(y[i], std::byte{49 - i < i}) << i;
  }
}

TEST(EltwiseGenerated, DeclinesWithAReason) {
  const jit::CpuFeatures avx2 = jit::CpuFeatures::from_name("avx2").value();
  const auto reason = [&](const FunctionProgram& program, const std::vector<TensorView>& inputs,
                          const TensorView& output, const jit::CpuFeatures& cpu) {
    const auto desc = describe_eltwise(program, inputs, output, cpu);
    return desc.ok() ? std::string() : desc.error().message;
  };
  const auto view = [](DType type, const Dims& dims) {
    return TensorView::contiguous(type, dims, static_cast<void*>(nullptr));
  };
  const auto relu = chain(1, {instruction(Function::k_relu)});
  const TensorView f32 = view(DType::kF32, {4, 6}), f64 = view(DType::kF64, {4, 6});
  EXPECT_EQ(reason(relu, {f32}, f32, avx2), "");
  EXPECT_NE(reason(relu, {f32}, f32, {}).find("AVX2"), std::string::npos);
  EXPECT_NE(reason(relu, {f64}, f64, avx2).find("f64"), std::string::npos);
  const int order[] = {1, 0};
  EXPECT_NE(
      reason(chain(1, {cast(0, DType::kF32)}), {view(DType::kU8, {6, 4}).permuted(order)}, f32, avx2).find("advances"),
      std::string::npos);
  EXPECT_NE(reason(relu, {f32}, view(DType::kF32, {6, 4}).permuted(order), avx2).find("dst"), std::string::npos);
  EXPECT_NE(reason(chain(1, std::vector(100, instruction(Function::k_relu))), {f32}, f32, avx2).find("too many"),
            std::string::npos);
  const TensorView s32 = view(DType::kS32, {4, 6});
  EXPECT_NE(reason(chain(2, {instruction(Function::k_fmod)}), {s32, s32}, s32, avx2).find("fmod"), std::string::npos);
}

TEST(EltwiseGenerated, DescriptorsIgnoreWhatIsNotRead) {
  const jit::CpuFeatures avx2 = jit::CpuFeatures::from_name("avx2").value();
  const TensorView f32 = TensorView::contiguous(DType::kF32, Dims{4}, static_cast<void*>(nullptr));
  const auto a = describe_eltwise(chain(1, {instruction(Function::k_relu, 0, 7, 9)}), std::vector{f32}, f32, avx2);
  const auto b = describe_eltwise(chain(1, {instruction(Function::k_relu, 0, 0, 0, 0.5f, 2.0f, DType::kS8)}),
                                  std::vector{f32}, f32, avx2);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(*a, *b);
  EXPECT_EQ(a->name(), "eltwise_relu_f32_avx2");
}

}  // namespace
}  // namespace tegula::kernels
