#include "compiler/quantize/node_selector.h"

#include <gmock/gmock.h>

#include "compiler/ops/op_def.h"
#include "compiler/quantize/operator_types.h"

namespace tegula::compiler {
namespace {

using testing::ElementsAre;

Graph graph_of(std::string_view text) {
  auto graph = parse(text);
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  return *std::move(graph);
}

Graph small_model() {
  return graph_of(
      "a = matmul(%x:f32[2,4], %w:f32[4,4]=random(1)) @\"/fc1/MatMul\" @\"/fc1/Relu\"\n"
      "b = softmax(a) {axis=1} @\"/attention/Softmax\"\n"
      "c = exp(b) @\"/attention/Exp\"\n"
      "return c");
}

std::vector<std::string> selected(const Result<NodeSelector>& selector, const Graph& graph) {
  EXPECT_TRUE(selector.ok()) << selector.error().message;
  const auto nodes = selector->select(graph);
  if (!nodes.ok()) return {nodes.error().message};
  std::vector<std::string> names;
  for (const Node* node : *nodes) names.emplace_back(name_of(*node));
  return names;
}

TEST(NodeSelector, SelectsByTypeNameAndExpression) {
  const Graph graph = small_model();
  EXPECT_THAT(selected(NodeSelector::type("Softmax"), graph), ElementsAre("/attention/Softmax"));
  EXPECT_THAT(selected(NodeSelector::type("Gemm"), graph), ElementsAre("/fc1/MatMul"));
  EXPECT_THAT(selected(NodeSelector::name("/fc1/Relu"), graph), ElementsAre("/fc1/MatMul")) << "a node fused into it";
  EXPECT_THAT(selected(NodeSelector::regex("/attention/.*"), graph),
              ElementsAre("/attention/Softmax", "/attention/Exp"));
}

TEST(NodeSelector, AnExpressionMatchesTheWholeName) {
  const Graph graph = small_model();
  EXPECT_THAT(selected(NodeSelector::regex("attention"), graph),
              ElementsAre("nodes like 'attention' match nothing in the compiled model; it has '/attention/Exp' and "
                          "'/attention/Softmax'"));
}

TEST(NodeSelector, ReadsOneWord) {
  const auto kind = [](std::string_view text) { return NodeSelector::parse(text)->kind(); };
  EXPECT_EQ(kind("Softmax"), NodeSelector::Kind::kType);
  EXPECT_EQ(kind("softmax_1"), NodeSelector::Kind::kName);
  EXPECT_EQ(kind("type:Exp"), NodeSelector::Kind::kType);
  EXPECT_EQ(kind("name:Exp"), NodeSelector::Kind::kName);
  EXPECT_EQ(kind("regex:Exp"), NodeSelector::Kind::kRegex);
}

TEST(NodeSelector, RefusesWhatCannotMatch) {
  EXPECT_EQ(NodeSelector::type("Convolution").error().message,
            "there is no operator type 'Convolution'; types are ONNX's, and the nearest is 'Conv'");
  EXPECT_EQ(NodeSelector::regex("(").error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(selected(NodeSelector::type("Conv"), small_model()),
              ElementsAre("operator type Conv matches nothing in the compiled model; it has 'Exp' and 'Gemm'"));
  EXPECT_THAT(
      selected(NodeSelector::name("/fc1/MatMull"), small_model()),
      ElementsAre("node '/fc1/MatMull' matches nothing in the compiled model; it has '/fc1/MatMul' and '/fc1/Relu'"));
  NodeSelector placed = NodeSelector::name("nothing");
  placed.place = "line 7";
  EXPECT_EQ(placed.select(small_model()).error().message.substr(0, 38), "line 7: node 'nothing' matches nothing");
}

TEST(OperatorTypes, AreOnnxNames) {
  const Graph graph = graph_of(
      "a = reduce(%x:f32[2,4,4,3]) {kind=\"mean\", axes=[1,2], keepdims=0}\n"
      "b = leaky_relu(a) {alpha=0.1}\n"
      "c = less_or_equal(b, a)\n"
      "d = gather_nd(a, %i:s64[1,2])\n"
      "return c, d");
  std::vector<std::vector<std::string>> types;
  for (const auto& node : graph.nodes()) types.push_back(operator_types(*node));
  EXPECT_THAT(types, ElementsAre(ElementsAre("ReduceMean", "GlobalAveragePool"), ElementsAre("LeakyRelu"),
                                 ElementsAre("LessOrEqual"), ElementsAre("GatherND")));
}

}  // namespace
}  // namespace tegula::compiler
