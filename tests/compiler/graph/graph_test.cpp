#include "compiler/graph/graph.h"

#include <gtest/gtest.h>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

class GraphTest : public testing::Test {
 protected:
  Value* input(std::string_view name, Shape shape, DType dtype = DType::kF32) {
    return graph_.add_input(name, dtype, std::move(shape));
  }
  Value* function(Function function, std::vector<Value*> inputs) {
    auto value = build_.function(function, std::move(inputs));
    EXPECT_TRUE(value.ok()) << value.error().message;
    return *value;
  }

  Graph graph_;
  Builder build_{graph_, {"node_1"}};
};

TEST_F(GraphTest, KeepsUsersThroughReplacement) {
  Value* x = input("x", {2});
  Value* a = function(Function::k_relu, {x});
  Value* b = function(Function::k_add, {a, a});
  graph_.set_outputs({{"y", b}, {"a", a}});
  EXPECT_EQ(a->users.size(), 2u);
  graph_.replace_all_uses(a, x);
  EXPECT_TRUE(a->users.empty());
  EXPECT_FALSE(a->is_output);
  EXPECT_EQ(x->users.size(), 3u);
  EXPECT_EQ(graph_.outputs()[1].second, x);
  EXPECT_TRUE(x->is_output);
  EXPECT_TRUE(graph_.remove_dead());
  EXPECT_EQ(graph_.nodes().size(), 1u);
  EXPECT_FALSE(graph_.remove_dead());
}

TEST_F(GraphTest, OrdersNodes) {
  Value* x = input("x", {2});
  Node* last = function(Function::k_relu, {x})->producer;
  std::vector<Node*> before;
  for (int i = 0; i < 100; ++i) {  // more insertions at one place than halving a gap allows
    Builder here(graph_, {"inserted"}, last);
    before.push_back((*here.function(Function::k_abs, {x}))->producer);
  }
  for (std::size_t i = 0; i + 1 < before.size(); ++i) {
    EXPECT_TRUE(graph_.is_before(before[i], before[i + 1]));
    EXPECT_EQ(graph_.next(before[i]), before[i + 1]);
  }
  EXPECT_TRUE(graph_.is_before(before.back(), last));
  graph_.move_before(last, before[0]);
  EXPECT_TRUE(graph_.is_before(last, before[0]));
  EXPECT_EQ(graph_.next(before.back()), nullptr);
}

TEST_F(GraphTest, MakesNamesUnique) {
  input("x", {2});
  Value* a = graph_.add_constant("x", Literal::scalar<float>(1));
  EXPECT_EQ(a->name, "x_1");
  EXPECT_EQ(graph_.find_value("x_1"), a);
  graph_.rename_value(a, "weights");
  EXPECT_EQ(graph_.find_value("x_1"), nullptr);
  EXPECT_EQ(graph_.find_value("weights"), a);
}

TEST_F(GraphTest, BroadcastsSymbolicSizes) {
  const Dim batch = Dim::symbol("batch"), s = Dim::symbol("s"), t = Dim::symbol("t");
  EXPECT_EQ(function(Function::k_add, {input("a", {batch, 3, 1}), input("b", {3, s})})->shape, (Shape{batch, 3, s}));
  EXPECT_TRUE(graph_.constraints.empty());
  EXPECT_EQ(function(Function::k_add, {input("c", {s}), input("d", {5})})->shape, (Shape{5}));
  EXPECT_EQ(graph_.constraints.size(), 1u);
  EXPECT_EQ(function(Function::k_add, {input("e", {s}), input("f", {t})})->shape, (Shape{select(equal(t, 1), s, t)}));
  ASSERT_EQ(graph_.constraints.size(), 2u);
  EXPECT_EQ(graph_.constraints[1].kind, GraphConstraint::Kind::kBroadcast);
}

TEST_F(GraphTest, RefusesWhatCannotBeComputed) {
  const auto refused = [&](Function function, std::vector<Value*> inputs) {
    const auto value = build_.function(function, std::move(inputs));
    return value.ok() ? "" : value.error().message;
  };
  Value* x = input("x", {2, 3});
  EXPECT_EQ(refused(Function::k_add, {x, input("y", {2})}),
            "node 'node_1' (eltwise): shapes [2,3] and [2], dimension 1: sizes 3 and 2 cannot be broadcast");
  EXPECT_EQ(refused(Function::k_add, {x, input("i", {3}, DType::kS64)}),
            "node 'node_1' (eltwise): elementwise instruction 0: add is not defined for (f32, s64)");
  EXPECT_TRUE(graph_.nodes().empty());
  EXPECT_TRUE(graph_.constraints.empty());
}

TEST_F(GraphTest, RefusesShapesThatKeepDoubling) {
  Value* x = input("x", {Dim::symbol("s")});
  for (int i = 0; i < 100; ++i) {
    auto next =
        build_.function(Function::k_add, {x, input("x" + std::to_string(i), {Dim::symbol("s" + std::to_string(i))})});
    if (!next.ok()) {
      EXPECT_EQ(next.error().code, ErrorCode::kUnsupported);
      return;
    }
    x = *next;
  }
  FAIL() << "accepted an expression of " << x->shape[0].complexity() << " terms";
}

TEST_F(GraphTest, KnowsElementsOfShapeComputations) {
  const Dim n = Dim::symbol("n");
  Value* sizes = input("sizes", {2}, DType::kS64);
  sizes->contents = {n, 12};
  Value* doubled = function(Function::k_mul, {sizes, graph_.add_constant("two", Literal::scalar<int64_t>(2))});
  EXPECT_EQ(*doubled->contents, (std::vector<Dim>{n * 2, 24}));
  EXPECT_EQ(*function(Function::k_div, {doubled, graph_.add_constant("four", Literal::scalar<int64_t>(4))})->contents,
            (std::vector<Dim>{floor_div(n, 2), 6}));
  Value* is_one = function(Function::k_equal, {sizes, graph_.add_constant("one", Literal::scalar<int64_t>(1))});
  EXPECT_EQ(is_one->dtype, DType::kBool);
  EXPECT_EQ(*function(Function::k_where, {is_one, doubled, sizes})->contents,
            (std::vector<Dim>{select(equal(n, 1), n * 2, n), 12}));
  EXPECT_EQ(*function(Function::k_neg, {sizes})->contents, (std::vector<Dim>{Dim(0) - n, -12}));
}

TEST_F(GraphTest, FollowsSizesThroughFloats) {
  const Dim n = Dim::symbol("n");
  Value* size = input("size", {1}, DType::kS64);
  size->contents = {n};
  Value* as_float = *build_.cast(size, DType::kF32);
  EXPECT_EQ(*as_float->contents, (std::vector<Dim>{n}));
  Value* scaled = function(Function::k_mul, {as_float, graph_.add_constant("scale", Literal::scalar<float>(1.5f))});
  EXPECT_FALSE(scaled->contents);
  EXPECT_EQ(*function(Function::k_floor, {scaled})->contents, (std::vector<Dim>{scale_floor(n, 1.5)}));
  EXPECT_EQ(*(*build_.cast(scaled, DType::kS64))->contents, (std::vector<Dim>{scale_floor(n, 1.5)}));
}

TEST_F(GraphTest, InferAgainDoesNotPileUpConstraints) {
  Value* sum = function(Function::k_add, {input("a", {Dim::symbol("s")}), input("b", {Dim::symbol("t")})});
  ASSERT_TRUE(graph_.infer_again(sum->producer).ok());
  EXPECT_EQ(graph_.constraints.size(), 1u);
}

TEST(Literal, ReadsAnyType) {
  EXPECT_EQ(Literal::of<int8_t>({3}, {-1, 0, 5}).to_ints(), (std::vector<int64_t>{-1, 0, 5}));
  EXPECT_EQ(Literal::of<float>({2}, {0.5f, -2}).to_doubles(), (std::vector<double>{0.5, -2}));
  const uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x7c00,
                             0x0400};  // 1, -2, smallest subnormal, inf, smallest normal
  const Literal half(DType::kF16, {5}, std::as_bytes(std::span(halves)), nullptr);
  EXPECT_EQ(half.to_doubles(), (std::vector<double>{1, -2, 0x1p-24, std::numeric_limits<double>::infinity(), 0x1p-14}));
  const uint16_t brain[] = {0x3f80, 0xc040};
  EXPECT_EQ(Literal(DType::kBF16, {2}, std::as_bytes(std::span(brain)), nullptr).to_doubles(),
            (std::vector<double>{1, -3}));
}

TEST(Attributes, ConvertWhereNothingIsLost) {
  const Attributes attributes = {{"one", int64_t{3}}, {"list", std::vector<int64_t>{1, 2}}, {"half", 0.5}};
  EXPECT_EQ(attributes.ints("one"), (std::vector<int64_t>{3}));
  EXPECT_EQ(attributes.number("one"), 3.0);
  EXPECT_EQ(attributes.dims("list"), (Shape{1, 2}));
  EXPECT_EQ(attributes.numbers("half"), (std::vector<double>{0.5}));
  EXPECT_EQ(attributes.integer("absent", 7), 7);
  EXPECT_THROW(attributes.integer("half"), InternalError);
}

}  // namespace
}  // namespace tegula::compiler
