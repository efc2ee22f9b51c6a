// aotc run: one program, one feed, one result.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "compiler/data/files.h"
#include "compiler/data/npz.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/program_io.h"

namespace tegula::driver {
namespace {

struct Options {
  std::string program, input, output;
  int threads = 1;
  bool verbose = false;
};

Status run(const Options& options) {
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(options.program, open_options(options.verbose)));
  TEGULA_ASSIGN_OR_RETURN(std::vector<data::NamedTensor> given, data::read_npz(options.input));
  const auto known = input_names(program), outputs_too = output_names(program);
  std::erase_if(given, [&](const data::NamedTensor& array) {
    const auto names = [&](const std::vector<std::string>& list) {
      return std::find(list.begin(), list.end(), array.name) != list.end();
    };
    return !names(known) && (names(outputs_too) || array.name == "labels");
  });
  TEGULA_ASSIGN_OR_RETURN(const std::vector<data::NamedTensor> inputs, match_inputs(program, std::move(given)));
  TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = options.threads}));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<data::NamedTensor> outputs, run_once(program, instance, inputs));
  std::vector<data::NamedSpan> arrays;
  for (const data::NamedTensor& output : outputs) arrays.push_back({output.name, output.tensor});
  return data::write_npz(options.output, arrays);
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("run", "Run a program once: arrays named after its inputs in, after its outputs out");
  const auto options = std::make_shared<Options>();
  command->add_option("program", options->program, "The program file")->required();
  command->add_option("--input", options->input, "A .npz archive with an array for every input")->required();
  command->add_option("--output", options->output, "The .npz archive to write")->required();
  command->add_option("--threads", options->threads, "Threads that compute; 0: one per core that this process may use")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_flag("--verbose", options->verbose, "Print what the runtime does, on stderr");
  command->footer(
      "Arrays of another type are converted when no element changes (float64 1.5 to float32, int64 7 to int32);\n"
      "BF16 outputs are written as float32, which holds them exactly. Arrays 'labels' and those named after outputs "
      "are\n"
      "let be, so that data for aotc verify serves here, too: all its rows in one batch.\n"
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl\n"
      "  aotc run shapes.tgl --input samples/models/shapes_200.npz --output out.npz");
  command->callback([options, &action] {
    action = [options] {
      const Status status = run(*options);
      return status.ok() ? ExitCode::kSuccess : fail(status.error());
    };
  });
}

}  // namespace tegula::driver
