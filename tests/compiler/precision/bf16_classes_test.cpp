#include "compiler/precision/bf16_classes.h"

#include <gtest/gtest.h>

#include "compiler/ops/op_def.h"
#include "schema/function.h"

namespace tegula::compiler {
namespace {

TEST(Bf16Classes, EveryFunctionHasARow) {
  for (int number = 0; is_valid(static_cast<Function>(number)); ++number)
    EXPECT_FALSE(default_bf16_class(static_cast<Function>(number)).reason.empty())
        << name_of(static_cast<Function>(number));
}

TEST(Bf16Classes, EveryOperationHasARow) {
  for (const OpDef* op : all_ops()) {
    Node node;
    node.op = op;
    if (op == &eltwise_op) node.attributes.set("program", one_function(Function::k_relu));
    EXPECT_FALSE(default_bf16_class(node).reason.empty() && op->name != "pool") << op->name;
  }
  for (const char* kind : {"max", "average", "lp"}) {
    Node node;
    node.op = find_op("pool");
    node.attributes.set("kind", std::string(kind));
    EXPECT_FALSE(default_bf16_class(node).reason.empty()) << kind;
  }
}

TEST(Bf16Classes, AChainHasTheClassOfItsStrictestFunction) {
  Node node;
  node.op = &eltwise_op;
  FunctionProgram program = one_function(Function::k_identity);
  node.attributes.set("program", program);
  EXPECT_EQ(default_bf16_class(node).bf16_class, Bf16Class::kClear);
  program.instructions.push_back({.function = Function::k_relu, .a = 1});
  node.attributes.set("program", program);
  EXPECT_EQ(default_bf16_class(node).bf16_class, Bf16Class::kInfer);
  program.instructions.push_back({.function = Function::k_exp, .a = 2});
  node.attributes.set("program", program);
  EXPECT_EQ(default_bf16_class(node).bf16_class, Bf16Class::kDeny);
}

}  // namespace
}  // namespace tegula::compiler
