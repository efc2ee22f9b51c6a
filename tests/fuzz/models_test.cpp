// Damaged models: bytes changed, cut off and joined at random, fields set to absurd values. Each is one error that says
// what is wrong, or a program that runs; nothing crashes, or asks for memory that the file does not hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "compiler/passes/pass.h"
#include "tests/compiler/importer/model_text.h"
#include "tests/support/mutate.h"
#include "tests/support/open_and_run.h"
#include "tests/support/rounds.h"
#include "tests/support/test_data.h"

namespace tegula::compiler {
namespace {

/// Models that use much of the format.
std::vector<onnx::ModelProto> seeds() {
  std::vector<onnx::ModelProto> models;
  models.push_back(model_of(R"((float[N,3,8,8] x, float[4,3,3,3] w) => (float[N,4,8,8] y) {
    c = Conv <pads = [1,1,1,1], strides = [1,1], auto_pad = "NOTSET"> (x, w)
    r = LeakyRelu <alpha = 0.2> (c)
    p = MaxPool <kernel_shape = [3,3], strides = [1,1], pads = [1,1,1,1], ceil_mode = 1> (r)
    y = Softmax <axis = 1> (p)
  })"));
  models.push_back(model_of(R"((float[2,3] x, int64[1] k) => (float[2,3] y) {
    c = Constant <value = float[3] {1.5, 2.5, 3.5}> ()
    b = Constant <value = bool[1] {1}> ()
    s = Gemm <alpha = 0.5, beta = 2.0, transB = 1> (x, x, c)
    t = Clip(x, c, c)
    y = If <then_branch = t () => (float[2,3] a) { a = Add(x, c) }, else_branch = e () => (float[2,3] d) { d = Sub(x, c) }> (b)
  })"));
  models.push_back(model_of(R"((float[2,4,8] q, float[2,6,8] k) => (float[2,4,8] y) {
    a = Attention <q_num_heads = 2, kv_num_heads = 2, is_causal = 1> (q, k, k)
    n = LayerNormalization <axis = -1, epsilon = 0.01> (a, q)
    e = Einsum <equation = "bij,bkj->bik"> (q, k)
    g = GroupNormalization <num_groups = 2> (q, k, k)
    y = BatchNormalization(a, q, q, q, q)
  })",
                            23));
  models.push_back(parse_model(R"(<ir_version: 8, opset_import: ["" : 21, "local" : 1]>
    g (float[3] x) => (float[3] y) { t = local.f <s = 0.25> (x)  y = ConvTranspose <output_padding = [1], group = 2> (t, t, t) }
    <domain: "local", opset_import: ["" : 21]> f <s> (v) => (w) { w = Elu <alpha: float = @s> (v) })"));
  onnx::TensorProto& tensor = *models[0].mutable_graph()->add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const int64_t dim : {4, 3, 3, 3}) tensor.add_dims(dim);
  tensor.set_raw_data(std::string(4 * 4 * 27, '\x3c'));
  return models;
}

/// Elements of the largest value when every symbol is 2; what is larger would only take time to compute.
bool is_small(const Graph& graph) {
  constexpr int64_t kLargest = 100'000;
  for (const auto& value : graph.values()) {
    const auto dims = constant_dims(value->shape);
    if (dims && checked_element_count(*dims).value_or(kLargest + 1) > kLargest) return false;
  }
  return true;
}

/// The model through the importer, the pipeline and the writer and, when the program is small, the runtime: a program
/// that runs, or an error that can be printed. Damage never is an error of ours, and an exception ends the test.
void compile_and_run(const std::string& bytes) {
  const auto expect_refusal = [](const Error& error) {
    EXPECT_NE(error.code, ErrorCode::kInternal) << error.message;
    EXPECT_TRUE(test::is_printable_message(error.message)) << error.message;
  };
  auto model = import_onnx_bytes(bytes);
  if (!model.ok()) return expect_refusal(model.error());
  EXPECT_FALSE(print(model->graph).empty());
  const auto passes = run_pipeline(model->graph, {.disabled = {}, .dump_after = {}, .verify_each = true, .dump = {}});
  if (!passes.ok()) return expect_refusal(passes.error());
  const auto file = write_program(model->graph, model->info, {});
  if (!file.ok()) return expect_refusal(file.error());
  if (!is_small(model->graph)) return;
  EXPECT_TRUE(test::is_printable_message(test::open_and_run(*file, {.verify = Verify::kFull})));
}

TEST(DamagedModels, BytesChangedAtRandom) {
  test::Mutator mutator(1);
  for (const onnx::ModelProto& model : seeds()) {
    const std::string whole = model.SerializeAsString();
    compile_and_run(whole);
    for (int round = test::rounds(500); round > 0; --round) compile_and_run(mutator.damaged(whole));
  }
}

TEST(DamagedModels, CutOff) {
  for (const onnx::ModelProto& model : seeds()) {
    const std::string whole = model.SerializeAsString();
    for (std::size_t size = 0; size < whole.size(); ++size) compile_and_run(whole.substr(0, size));
  }
}

/// Sets one field somewhere in a node, an attribute, a tensor or a type to a value that no exporter writes.
void damage(onnx::ModelProto& model, std::mt19937& random) {
  const auto below = [&](int count) { return static_cast<int>(random() % static_cast<uint32_t>(count)); };
  constexpr int64_t kAbsurd[] = {-1, 0, 1, 3, INT32_MAX, INT64_MAX, INT64_MIN, INT64_MIN + 1, int64_t{1} << 32, -7};
  const int64_t absurd = kAbsurd[random() % std::size(kAbsurd)];
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::NodeProto& node = *graph.mutable_node(below(graph.node_size()));
  switch (random() % 12) {
    case 0:
      if (node.input_size() > 0) node.set_input(below(node.input_size()), random() % 2 ? "" : "x");
      break;
    case 1:
      if (node.output_size() > 0) node.set_output(0, random() % 2 ? "" : "x");
      break;
    case 2: node.add_input("x"); break;
    case 3: node.clear_input(); break;
    case 4: {
      if (node.attribute_size() == 0) break;
      onnx::AttributeProto& attribute = *node.mutable_attribute(below(node.attribute_size()));
      if (random() % 2) attribute.set_type(static_cast<onnx::AttributeProto::AttributeType>(random() % 15));
      attribute.set_i(absurd);
      for (int i = 0; i < attribute.ints_size(); ++i) attribute.set_ints(i, absurd);
      if (random() % 4 == 0) attribute.add_ints(absurd);
      attribute.set_f(static_cast<float>(absurd));
      attribute.set_s(random() % 2 ? "SAME_UPPER" : ",->...ii");
      break;
    }
    case 5: {
      onnx::AttributeProto& attribute = *node.add_attribute();
      constexpr const char* kNames[] = {"axis",         "pads",     "strides", "dilations", "group",
                                        "kernel_shape", "auto_pad", "to",      "axes",      "output_shape"};
      attribute.set_name(kNames[random() % std::size(kNames)]);
      attribute.set_type(random() % 2 ? onnx::AttributeProto::INTS : onnx::AttributeProto::INT);
      attribute.set_i(absurd);
      for (auto i = random() % 6; i > 0; --i) attribute.add_ints(absurd);
      break;
    }
    case 6: {
      onnx::TensorShapeProto& shape =
          *graph.mutable_input(below(graph.input_size()))->mutable_type()->mutable_tensor_type()->mutable_shape();
      if (shape.dim_size() > 0 && random() % 3)
        shape.mutable_dim(below(shape.dim_size()))->set_dim_value(absurd);
      else if (shape.dim_size() > 0 && random() % 2)
        shape.mutable_dim()->RemoveLast();
      else
        shape.add_dim()->set_dim_param("(n*");
      break;
    }
    case 7:
      if (graph.initializer_size() > 0) graph.mutable_initializer(0)->set_dims(static_cast<int>(random() % 4), absurd);
      break;
    case 8: {  // read what any node writes, itself and later ones too
      const onnx::NodeProto& other = graph.node(below(graph.node_size()));
      if (node.input_size() > 0 && other.output_size() > 0) node.set_input(below(node.input_size()), other.output(0));
      break;
    }
    case 9: {  // names that would forge lines of a message
      constexpr const char* kNames[] = {"a\nerror: b", "\x1b[2J", "\xc2\x9bK", "\r", "\xe2\x80\xae", "\x01"};
      const char* name = kNames[random() % std::size(kNames)];
      switch (random() % 4) {
        case 0: node.set_name(name); break;
        case 1: node.set_op_type(name); break;
        case 2: node.set_domain(name); break;
        default:
          if (node.input_size() > 0) node.set_input(0, name);
      }
      break;
    }
    case 10: {  // data that is elsewhere
      if (graph.initializer_size() == 0) break;
      onnx::TensorProto& tensor = *graph.mutable_initializer(0);
      tensor.set_data_location(onnx::TensorProto::EXTERNAL);
      tensor.clear_raw_data();
      onnx::StringStringEntryProto& entry = *tensor.add_external_data();
      entry.set_key(random() % 3 ? "location" : "offset");
      entry.set_value(random() % 2 ? "../\nw.bin" : "-1");
      break;
    }
    default: {
      constexpr const char* kOps[] = {"MatMul",
                                      "Conv",
                                      "ConvTranspose",
                                      "AveragePool",
                                      "LRN",
                                      "Gemm",
                                      "Hardmax",
                                      "Pow",
                                      "Cast",
                                      "Softmax",
                                      "InstanceNormalization",
                                      "LpPool",
                                      "Attention",
                                      "RMSNormalization",
                                      "Einsum",
                                      "Clip",
                                      "If",
                                      "Mod"};
      node.set_op_type(kOps[random() % std::size(kOps)]);
    }
  }
}

TEST(DamagedModels, FieldsSetToAbsurdValues) {
  std::mt19937 random(2);
  for (const onnx::ModelProto& model : seeds()) {
    for (int round = test::rounds(700); round > 0; --round) {
      onnx::ModelProto damaged = model;
      for (auto change = 1 + random() % 3; change > 0; --change) damage(damaged, random);
      compile_and_run(damaged.SerializeAsString());
    }
  }
}

// The ONNX project's own small models, spread over all operators.
TEST(DamagedModels, OfTheTestData) {
  const auto folder = test::test_data("onnx_node");
  if (!folder) GTEST_SKIP() << "no test data";
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder))
    if (entry.path().extension() == ".onnx" && entry.file_size() < 20'000) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  test::Mutator mutator(3);
  const auto rounds = static_cast<std::size_t>(test::rounds(500));
  for (std::size_t round = 0; round < rounds && !files.empty(); ++round) {
    const std::filesystem::path& file = files[round * 37 % files.size()];  // 37: neighbours are of the same operator
    SCOPED_TRACE(file);
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    compile_and_run(mutator.damaged(bytes));
  }
}

}  // namespace
}  // namespace tegula::compiler
