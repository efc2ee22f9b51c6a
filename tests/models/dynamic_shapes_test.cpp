// One program file for every shape: a convolutional network with symbolic batch, height and width and a small text
// model with symbolic batch and sequence length, each bound to random shapes and compared with a program compiled for
// just that shape.
#include <gtest/gtest.h>
#include <onnx/defs/parser.h>
#include <onnx/onnx_pb.h>

#include <functional>
#include <map>
#include <random>
#include <sstream>

#include "compiler/data/random_tensor.h"
#include "tests/support/model_runner.h"

namespace tegula::test {
namespace {

constexpr int kBindings = 50;

/// `float[2,3] name = {...}` with reproducible values.
std::string weights(const std::string& name, const Dims& dims, double magnitude) {
  const data::Tensor values = *data::random_tensor(name, DType::kF32, dims, data::RandomRange{-magnitude, magnitude});
  std::ostringstream text;
  std::string shape = to_string(dims);
  text << "float" << shape << " " << name << " = {";
  for (std::size_t i = 0; i < values.elements<float>().size(); ++i)
    text << (i ? "," : "") << values.elements<float>()[i];
  text << "}";
  return text.str();
}

std::string convolutional_model() {
  return R"(<ir_version: 8, opset_import: ["" : 13]>
    convnet (float[batch,3,height,width] image) => (float[batch,10] logits, float[batch,16,h4,w4] features)
    <)" + weights("w1", {16, 3, 3, 3}, 0.3) +
         "," + weights("b1", {16}, 0.1) + "," + weights("w2", {16, 1, 3, 3}, 0.4) + "," +
         weights("w3", {24, 16, 1, 1}, 0.3) + "," + weights("w4", {16, 24, 3, 3}, 0.1) + "," +
         weights("fc", {16, 10}, 0.4) + "," + weights("fb", {10}, 0.1) +
         R"(, int64[1] minus1 = {-1}, int64[1] zero = {0}>
    {
      c1 = Conv<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(image, w1, b1)
      r1 = Relu(c1)
      d1 = Conv<kernel_shape=[3,3], pads=[1,1,1,1], group=16>(r1, w2)
      s1 = Sigmoid(d1)
      m1 = Mul(d1, s1)
      a1 = Add(m1, r1)
      p1 = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(a1)
      c3 = Conv<kernel_shape=[1,1]>(p1, w3)
      r3 = LeakyRelu<alpha=0.1>(c3)
      c4 = Conv<kernel_shape=[3,3], auto_pad="SAME_UPPER">(r3, w4)
      features = Tanh(c4)
      g = GlobalAveragePool(features)
      shape = Shape(g)
      n = Gather(shape, zero)
      target = Concat<axis=0>(n, minus1)
      flat = Reshape(g, target)
      logits = Gemm(flat, fc, fb)
    })";
}

std::string text_model() {
  return R"(<ir_version: 8, opset_import: ["" : 17]>
    text (int64[batch,seq] ids, float[batch,seq] mask) => (float[batch,seq,32] hidden)
    <)" + weights("words", {50, 32}, 1) +
         "," + weights("positions", {64, 32}, 0.5) + "," + weights("gamma", {32}, 1) + "," +
         weights("beta", {32}, 0.1) + "," + weights("wq", {32, 32}, 0.2) + "," + weights("wk", {32, 32}, 0.2) + "," +
         weights("wv", {32, 32}, 0.2) + "," + weights("wo", {32, 32}, 0.2) + "," + weights("bq", {32}, 0.1) + "," +
         weights("w1", {32, 64}, 0.2) + "," + weights("b1", {64}, 0.1) + "," + weights("w2", {64, 32}, 0.2) + R"(,
      int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[4] split = {0, 0, 4, 8}, int64[3] merge = {0, 0, 32},
      int64[2] axes12 = {1, 2}, float scale = {2.8284271}, float big = {-10000.0}, float fone = {1.0}, float half = {0.5}, float root2 = {1.4142135} >
    {
      shape = Shape(ids)
      length = Slice(shape, one, two, zero)
      rows = Slice(positions, zero, length, zero)
      embedded = Gather(words, ids)
      summed = Add(embedded, rows)
      x = LayerNormalization<axis=-1, epsilon=0.00001>(summed, gamma, beta)
      q0 = MatMul(x, wq)
      q1 = Add(q0, bq)
      k1 = MatMul(x, wk)
      v1 = MatMul(x, wv)
      q2 = Reshape(q1, split)
      k2 = Reshape(k1, split)
      v2 = Reshape(v1, split)
      q = Transpose<perm=[0,2,1,3]>(q2)
      k = Transpose<perm=[0,2,3,1]>(k2)
      v = Transpose<perm=[0,2,1,3]>(v2)
      qk = MatMul(q, k)
      scaled = Div(qk, scale)
      m4 = Unsqueeze(mask, axes12)
      inverse = Sub(fone, m4)
      bias = Mul(inverse, big)
      scores = Add(scaled, bias)
      p = Softmax<axis=-1>(scores)
      c = MatMul(p, v)
      ct = Transpose<perm=[0,2,1,3]>(c)
      cr = Reshape(ct, merge)
      o = MatMul(cr, wo)
      x1 = Add(o, x)
      h0 = MatMul(x1, w1)
      h = Add(h0, b1)
      hd = Div(h, root2)
      he = Erf(hd)
      h1 = Add(he, fone)
      hm = Mul(h, h1)
      hg = Mul(hm, half)
      y = MatMul(hg, w2)
      s = Add(y, x1)
      hidden = LayerNormalization<axis=-1, epsilon=0.00001>(s, gamma, beta)
    })";
}

std::string serialized(const std::string& text) {
  onnx::ModelProto model;
  onnx::OnnxParser parser(text.c_str());
  const auto status = parser.Parse(model);
  EXPECT_TRUE(status.IsOK()) << status.ErrorMessage();
  return model.SerializeAsString();
}

Result<std::vector<std::byte>> compile_bytes(const std::string& model, const compiler::ImportOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(auto imported, compiler::import_onnx_bytes(model, options));
  compiler::PassOptions passes;
  passes.verify_each = true;
  TEGULA_ASSIGN_OR_RETURN(const auto report, run_pipeline(imported.graph, passes));
  return write_program(imported.graph, imported.info, {});
}

using Symbols = std::map<std::string, int64_t>;

/// Binds the dynamic program to what `draw` gives, many times, and compares with a compilation for each.
void compare_with_static(const std::string& text, const std::function<Symbols(std::mt19937&)>& draw,
                         const std::function<Tensors(const Symbols&)>& feed) {
  const std::string model = serialized(text);
  const auto file = compile_bytes(model, {});
  ASSERT_TRUE(file.ok()) << file.error().message;
  const auto program = Program::open(std::span<const std::byte>(*file));
  ASSERT_TRUE(program.ok()) << program.error().message;
  auto instance = Instance::create(*program);
  ASSERT_TRUE(instance.ok()) << instance.error().message;
  std::mt19937 rng(3);
  for (int i = 0; i < kBindings; ++i) {
    const Symbols symbols = draw(rng);
    std::string trace;
    compiler::ImportOptions fixed;
    for (const auto& [name, size] : symbols) {
      fixed.dims[name] = {size, size};
      trace += concat(name, "=", size, " ");
    }
    SCOPED_TRACE(trace);
    const Tensors inputs = feed(symbols);
    const auto got = run_instance(*program, *instance, inputs);
    ASSERT_TRUE(got.ok()) << got.error().message;
    const auto fixed_file = compile_bytes(model, fixed);
    ASSERT_TRUE(fixed_file.ok()) << fixed_file.error().message;
    const auto want = run_bytes(*fixed_file, inputs);
    ASSERT_TRUE(want.ok()) << want.error().message;
    ASSERT_EQ(got->size(), want->size());
    for (std::size_t k = 0; k < want->size(); ++k) {
      ASSERT_EQ((*got)[k].tensor.dims, (*want)[k].tensor.dims);
      ASSERT_EQ((*got)[k].tensor.bytes, (*want)[k].tensor.bytes) << (*want)[k].name;
    }
  }
}

int64_t between(std::mt19937& rng, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(rng);
}

TEST(DynamicShapes, ConvolutionalNetworkOfAnyBatchHeightAndWidth) {
  compare_with_static(
      convolutional_model(),
      [](std::mt19937& rng) {
        return Symbols{{"batch", between(rng, 1, 4)}, {"height", between(rng, 4, 70)}, {"width", between(rng, 4, 70)}};
      },
      [](const Symbols& s) {
        return Tensors{
            {"image", *data::random_tensor("image", DType::kF32, {s.at("batch"), 3, s.at("height"), s.at("width")})}};
      });
}

TEST(DynamicShapes, TextModelOfAnyBatchAndLength) {
  compare_with_static(
      text_model(),
      [](std::mt19937& rng) { return Symbols{{"batch", between(rng, 1, 4)}, {"seq", between(rng, 1, 64)}}; },
      [](const Symbols& s) {
        const Dims dims = {s.at("batch"), s.at("seq")};
        return Tensors{{"ids", *data::random_tensor("ids", DType::kS64, dims, data::RandomRange{0, 50})},
                       {"mask", *data::random_tensor("mask", DType::kF32, dims, data::RandomRange{0, 1})}};
      });
}

TEST(DynamicShapes, ShapesOutsideARangeAreRefusedByName) {
  compiler::ImportOptions options;
  options.dims["batch"] = {1, 4};
  const auto file = compile_bytes(serialized(convolutional_model()), options);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const auto got = run_bytes(*file, {{"image", *data::random_tensor("image", DType::kF32, {5, 3, 8, 8})}});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(got.error().message.find("batch"), std::string::npos) << got.error().message;
}

}  // namespace
}  // namespace tegula::test
