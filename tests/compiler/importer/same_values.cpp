#include "tests/compiler/importer/same_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "compiler/ops/interpret.h"
#include "tests/compiler/importer/model_text.h"

namespace tegula::compiler {
namespace {

Literal random_input(const Value& input, std::mt19937& random) {
  const Dims dims = *constant_dims(input.shape);
  const auto count = static_cast<std::size_t>(element_count(dims));
  if (is_float(input.dtype)) {
    std::vector<float> values(count);
    for (float& value : values) value = std::normal_distribution<float>()(random);
    return Literal::of<float>(dims, values);
  }
  const bool is_byte = input.dtype == DType::kU8 || input.dtype == DType::kS8;
  std::vector<int64_t> values(count);
  for (int64_t& value : values) value = static_cast<int64_t>(random() % (is_byte ? 256 : 2));
  if (input.dtype == DType::kS64) return Literal::of<int64_t>(dims, values);
  if (input.dtype == DType::kS32) return Literal::of<int32_t>(dims, std::vector<int32_t>(values.begin(), values.end()));
  return Literal::make(input.dtype, dims, [&](const kernels::TensorView& view) {
    for (std::size_t i = 0; i < values.size(); ++i) view.data[i] = static_cast<std::byte>(values[i]);
  });
}

void expect_within(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  ASSERT_FALSE(a.empty());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << "element " << i;
}

}  // namespace

std::vector<double> run_model(const std::string& graph, int opset) {
  const auto model = import_model(model_of(graph, opset));
  if (!model.ok()) {
    ADD_FAILURE() << model.error().message;
    return {};
  }
  std::mt19937 random(7);
  std::vector<Literal> inputs;
  for (const Value* input : model->graph.inputs()) inputs.push_back(random_input(*input, random));
  const auto outputs = interpret(model->graph, inputs);
  if (!outputs.ok()) {
    ADD_FAILURE() << outputs.error().message;
    return {};
  }
  const Literal& y = (*outputs)[0];
  if (is_float(y.dtype())) return y.to_doubles();
  const std::vector<int64_t> ints = y.to_ints();
  return {ints.begin(), ints.end()};
}

void expect_same(const std::string& signature, const std::string& composed, const std::string& spelled_out, int opset) {
  SCOPED_TRACE(composed);
  constexpr double kTolerance = 64 * 0x1p-24;
  const std::vector<double> a = run_model(signature + "{" + composed + "}", opset),
                            b = run_model(signature + "{" + spelled_out + "}", opset);
  double largest = 0;
  for (const double value : b) largest = std::max(largest, std::abs(value));
  expect_within(a, b, kTolerance * largest);
}

void expect_same_quantized(const std::string& signature, const std::string& composed, const std::string& spelled_out,
                           int steps, int opset) {
  SCOPED_TRACE(composed);
  const std::vector<double> a = run_model(signature + "{" + composed + "}", opset),
                            b = run_model(signature + "{" + spelled_out + "}", opset);
  expect_within(a, b, steps);
}

}  // namespace tegula::compiler
