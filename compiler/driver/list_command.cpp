// aotc list: what this build knows, straight from its tables.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string_view>

#include "compiler/driver/commands.h"
#include "compiler/ops/op_def.h"
#include "compiler/passes/pass.h"

namespace tegula::driver {
namespace {

void list_passes() {
  for (const compiler::PassRow& row : compiler::pipeline())
    std::printf("%.*s%s\n", static_cast<int>(row.name.size()), row.name.data(), row.required ? " (required)" : "");
}

void list_operations() {
  for (const compiler::OpDef* op : compiler::all_ops())
    std::printf("%.*s\n", static_cast<int>(op->name.size()), op->name.data());
}

void list_operators() {
  struct Row {
    std::string_view domain, op_type;
    int since;
  };
  static constexpr Row kRows[] = {
#define TEGULA_ONNX_OP(domain, op_type, since, function) {domain, op_type, since},
#include "compiler/importer/onnx_ops.inc"
#undef TEGULA_ONNX_OP
      {"", "", 0},  // keeps the array from being empty
  };
  for (const Row& row : kRows) {
    if (row.op_type.empty()) continue;
    const std::string name = row.domain.empty() ? std::string(row.op_type) : concat(row.domain, ".", row.op_type);
    std::printf("%-40s from version %d\n", name.c_str(), row.since);
  }
}

}  // namespace

void add_list_command(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("list", "List what this build knows: ONNX operators, passes, operations of the graph");
  const auto what = std::make_shared<std::string>();
  command->add_option("what", *what, "operators (of ONNX), passes, or operations (of the graph)")
      ->required()
      ->check(CLI::IsMember({"operators", "passes", "operations"}));
  command->footer("Example:\n  aotc list operators | grep -i conv");
  command->callback([what, &action] {
    action = [what] {
      if (*what == "operators")
        list_operators();
      else if (*what == "passes")
        list_passes();
      else
        list_operations();
      return ExitCode::kSuccess;
    };
  });
}

}  // namespace tegula::driver
