// aotc diagnose: which INT8 operation costs how much, and what to do about it?
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "compiler/data/files.h"
#include "compiler/driver/check_compilation.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/configuration.h"
#include "compiler/driver/diagnose.h"
#include "compiler/driver/diagnosis_report.h"
#include "compiler/driver/int8_options.h"
#include "compiler/driver/number_checks.h"
#include "compiler/driver/preprocessing_file.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/progress.h"
#include "compiler/driver/shape_options.h"

namespace tegula::driver {
namespace {

struct Options {
  std::string program, onnx, data, preprocessing, config, json, page;
  std::vector<std::string> dims, shapes;
  Int8Options int8;
  int64_t images = 16;
  int rows = 20, threads = 1;
};

Status run(const Options& options) {
  DiagnoseOptions how;
  how.program = options.program;
  how.model = options.onnx;
  how.data = options.data;
  how.preprocessing = options.preprocessing;
  how.samples = options.images;
  how.threads = options.threads;
  how.requantize = options.int8.requantize;
  TEGULA_ASSIGN_OR_RETURN(how.import.dims, parse_dims(options.dims));
  TEGULA_ASSIGN_OR_RETURN(how.import.shapes, parse_shapes(options.shapes));
  Int8Options int8 = options.int8;
  int8.data = options.data;
  int8.preprocessing = options.preprocessing;
  if (!options.config.empty()) {
    TEGULA_ASSIGN_OR_RETURN(Configuration configuration, read_configuration(options.config));
    how.quantization = std::move(configuration.int8);
  }
  TEGULA_RETURN_IF_ERROR(apply(int8, how.quantization));
  TEGULA_RETURN_IF_ERROR(check_compilation(how.program, how.model, how.quantization, how.requantize));
  for (const std::string& output : {options.json, options.page})
    if (!output.empty()) TEGULA_RETURN_IF_ERROR(data::check_writable(output));
  TEGULA_ASSIGN_OR_RETURN(Quantizing quantizing, make_quantizing(how.model, how.import, int8, how.quantization));
  how.make_pass = std::move(quantizing.make_pass);
  how.make_balancing = std::move(quantizing.make_balancing);

  Diagnosis diagnosis;
  {
    Progress progress(concat("diagnosing ", std::filesystem::path(options.program).filename().native()));
    TEGULA_ASSIGN_OR_RETURN(diagnosis, diagnose(how, [&](std::string_view stage, int64_t done, int64_t total) {
                              progress.show(stage, done, total);
                            }));
  }
  if (!options.json.empty()) TEGULA_RETURN_IF_ERROR(write_diagnosis_json(options.json, diagnosis));
  if (!options.page.empty()) {
    const std::string title = concat("INT8 diagnosis of ", std::filesystem::path(options.program).filename().native());
    TEGULA_RETURN_IF_ERROR(write_diagnosis_page(options.page, diagnosis, title));
  }
  std::fputs(diagnosis_table(diagnosis, options.rows).c_str(), stdout);
  std::fputs(suggested_rule(diagnosis).c_str(), stdout);
  return {};
}

}  // namespace

void add_diagnose_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("diagnose", "Show what each INT8 operation of a program costs, on data");
  const auto options = std::make_shared<Options>();
  command->add_option("program", options->program, "The program (.tgl), compiled with --precision int8")->required();
  command->add_option("--onnx", options->onnx, "The model that it was compiled from")->required();
  command->add_option("--data", options->data, kDataHelp)->required();
  command->add_option("--preprocess", options->preprocessing, kPreprocessingHelp);
  command->add_option("--images", options->images, "Compare on N of the samples, evenly spread")
      ->check(counts_from(1))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--top", options->rows, "Print the N operations that cost most; 0: all")
      ->check(counts_from(0))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--json", options->json, "Write all of it as JSON")->type_name("D.json");
  command->add_option("--html", options->page, "Write a page with a bar for each operation")->type_name("D.html");
  command->add_option("--threads", options->threads, "Threads that compute; 0: one per core")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  add_int8_options(*command, options->int8);
  command->add_option("--config", options->config, "The configuration that the program was compiled with")
      ->type_name("C.yaml");
  command->add_option("--dim", options->dims, "As for compile: fix or bound a symbolic dimension; repeatable")
      ->type_name("NAME=SIZES")
      ->allow_extra_args(false);
  command->add_option("--shape", options->shapes, "As for compile: shape of an input; repeatable")
      ->type_name("INPUT=SIZES")
      ->allow_extra_args(false);
  command->footer(
      "SQNR, cosine and largest error are of the operation's own result, with everything before it quantized too; "
      "'Sat.' "
      "is\nthe share of its input beyond the range, 'Used' how much of the 256 steps the input takes. The last column "
      "is "
      "what\nthe outputs gain when this operation alone stays fp32. The options for int8 must be those of the "
      "compilation.\n"
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl --precision int8 --data samples/models/shapes_200.npz\n"
      "  aotc diagnose shapes.tgl --onnx samples/models/shapes.onnx --data samples/models/shapes_200.npz --html "
      "d.html");
  command->callback([options, &action] {
    action = [options] {
      const Status status = run(*options);
      return status.ok() ? ExitCode::kSuccess : fail(status.error());
    };
  });
}

}  // namespace tegula::driver
