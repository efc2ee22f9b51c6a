// aotc explain: for each step its precision and why, the kernel that runs it and why no better one does, the ONNX nodes
// that it computes, and the conversions beside it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "compiler/driver/commands.h"
#include "compiler/driver/input_options.h"
#include "compiler/driver/program_io.h"
#include "compiler/driver/step_table.h"
#include "compiler/writer/program_file.h"

namespace tegula::driver {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string program, isa;
  InputOptions inputs;
  bool json = false;
};

/// The value that owns a value's memory.
int64_t base_of(const schema::ProgramT& tables, int64_t value) {
  const int32_t base = tables.values[static_cast<std::size_t>(value)]->base;
  return base < 0 ? value : base;
}

/// For each step the steps beside it that only convert: "reads 'x_bf16' (Cast f32->bf16)".
std::vector<std::vector<std::string>> conversions_beside(const schema::ProgramT& tables,
                                                         const std::vector<StepRow>& rows) {
  std::vector<std::vector<std::string>> beside(rows.size());
  std::multimap<int64_t, std::size_t> made, read;  // by value: the conversions that write it, and those that read it
  const auto text_of = [&](const char* verb, std::size_t conversion, int64_t value) {
    return concat(verb, " '", tables.values[static_cast<std::size_t>(value)]->name, "' (", rows[conversion].conversion,
                  " ", rows[conversion].types, ")");
  };
  for (std::size_t s = 0; s < rows.size(); ++s) {
    if (rows[s].conversion.empty()) continue;
    for (const int32_t value : tables.steps[s]->inputs)
      if (value >= 0) read.emplace(base_of(tables, value), s);
    for (const int32_t value : tables.steps[s]->outputs)
      if (value >= 0) made.emplace(base_of(tables, value), s);
  }
  for (std::size_t s = 0; s < rows.size(); ++s) {
    if (!rows[s].conversion.empty()) continue;
    const schema::StepT& step = *tables.steps[s];
    std::vector<int32_t> operands = step.inputs;
    for (const auto& post_op : step.post_ops) operands.push_back(post_op->operand);
    for (const int32_t value : operands) {
      if (value < 0) continue;
      const auto [first, last] = made.equal_range(base_of(tables, value));
      for (auto at = first; at != last; ++at) beside[s].push_back(text_of("reads", at->second, value));
    }
    for (const int32_t value : step.outputs) {
      if (value < 0) continue;
      const auto [first, last] = read.equal_range(base_of(tables, value));
      for (auto at = first; at != last; ++at) beside[s].push_back(text_of("writes", at->second, value));
    }
  }
  return beside;
}

Json describe(const std::vector<StepRow>& rows, const std::vector<StepChoice>& choices,
              const std::vector<std::vector<std::string>>& conversions) {
  Json steps = Json::array();
  for (std::size_t s = 0; s < rows.size() && s < choices.size(); ++s)
    steps.push_back({{"step", s},
                     {"name", rows[s].name},
                     {"operator", rows[s].op_type},
                     {"precision", rows[s].precision},
                     {"rule", rows[s].rule},
                     {"kernel", choices[s].implementation},
                     {"plain_loops", choices[s].plain_loops},
                     {"declined", choices[s].declined},
                     {"types", rows[s].types},
                     {"shapes", choices[s].shapes},
                     {"post_ops", rows[s].post_ops},
                     {"conversions", conversions[s]},
                     {"onnx_nodes", rows[s].onnx_nodes}});
  return steps;
}

std::string joined(const Json& list, std::string_view separator) {
  std::string text;
  for (const Json& item : list) text += concat(text.empty() ? "" : separator, item.get<std::string>());
  return text;
}

void print(const Json& json) {
  std::printf("%s with %s\n", json["program"].get<std::string>().c_str(), json["isa"].get<std::string>().c_str());
  const Json& steps = json["steps"];
  std::size_t type_width = 8, kernel_width = 6;
  for (const Json& step : steps) {
    type_width = std::max(type_width, step["operator"].get<std::string>().size());
    kernel_width = std::max(kernel_width, step["kernel"].get<std::string>().size());
  }
  std::printf("\n%4s  %-*s  %-9s  %-*s  %s\n", "step", static_cast<int>(type_width), "operator", "precision",
              static_cast<int>(kernel_width), "kernel", "name");
  const auto line = [](const char* what, const std::string& text) {
    if (!text.empty()) std::printf("        %-8s %s\n", what, text.c_str());
  };
  for (const Json& step : steps) {
    std::printf("%4d  %-*s  %-9s  %-*s  %s\n", step["step"].get<int>(), static_cast<int>(type_width),
                step["operator"].get<std::string>().c_str(), step["precision"].get<std::string>().c_str(),
                static_cast<int>(kernel_width), step["kernel"].get<std::string>().c_str(),
                step["name"].get<std::string>().c_str());
    line("rule", step["rule"].get<std::string>());
    for (const Json& reason : step["declined"]) line("", reason.get<std::string>());
    line("types", step["types"].get<std::string>());
    line("then", joined(step["post_ops"], ", "));
    for (const Json& conversion : step["conversions"]) line("beside", conversion.get<std::string>());
    line("nodes", joined(step["onnx_nodes"], ", "));
  }
}

Status explain(const Options& options) {
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(options.program));
  TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile file, compiler::read_program_tables(options.program));
  TEGULA_ASSIGN_OR_RETURN(const InputRequest request, options.inputs.request());
  TEGULA_ASSIGN_OR_RETURN(const auto inputs, random_inputs(program, request));
  TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<StepChoice> choices, instance.explain(references(inputs), options.isa));
  const std::vector<StepRow> rows = step_rows(file.tables);
  Json json;
  json["program"] = options.program;
  json["isa"] = options.isa.empty() ? concat("the instruction sets of this machine: ", program.isa())
                                    : concat("the instruction sets of ", options.isa);
  json["steps"] = describe(rows, choices, conversions_beside(file.tables, rows));
  if (options.json)
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  else
    print(json);
  return {};
}

}  // namespace

void add_explain_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "explain", "Show for each step its precision, the kernel that runs it, and the reasons for both");
  const auto options = std::make_shared<Options>();
  command->add_option("program", options->program, "The program file")->required();
  command
      ->add_option(
          "--isa", options->isa,
          "Another machine's: reference, avx2, avx2_vnni, avx512, avx512_vnni, avx512_bf16, amx (default: this "
          "machine's)")
      ->type_name("ISA");
  options->inputs.add_to(*command);
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      "A kernel is chosen for shapes: fix symbols with --dim. Nothing is run.\n"
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl --precision bf16\n"
      "  aotc explain shapes.tgl --isa amx --dim batch=8");
  command->callback([options, &action] {
    action = [options] {
      const Status status = explain(*options);
      return status.ok() ? ExitCode::kSuccess : fail(status.error());
    };
  });
}

}  // namespace tegula::driver
