// aotc compile: an ONNX model becomes a program file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "compiler/data/data_set.h"
#include "compiler/data/files.h"
#include "compiler/driver/bf16_fallback.h"
#include "compiler/driver/bundle.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/compile_report.h"
#include "compiler/driver/configuration.h"
#include "compiler/driver/dot.h"
#include "compiler/driver/int8_options.h"
#include "compiler/driver/int8_provenance.h"
#include "compiler/driver/preprocessing_file.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/program_io.h"
#include "compiler/driver/progress.h"
#include "compiler/driver/shape_options.h"
#include "compiler/driver/step_table.h"
#include "compiler/precision/assign_bf16.h"
#include "compiler/quantize/drop_quantization.h"
#include "compiler/writer/program_file.h"

namespace tegula::driver {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string model, output, report, graph, data, preprocessing, config, max_drop;
  std::string precision = "model";
  std::vector<std::string> dims, shapes, dump_after, disabled, bf16_allow, bf16_deny;
  Int8Options int8;
  int bundle = 0;
  bool compress = false, print_passes = false;
};

bool has_bf16(const Options& options) {
  return options.precision == "bf16" || options.precision == "int8+bf16";
}

bool has_int8(const Options& options) {
  return options.precision == "int8" || options.precision == "int8+bf16";
}

std::vector<std::string> texts_of(const std::vector<compiler::NodeSelector>& selectors) {
  std::vector<std::string> texts;
  for (const compiler::NodeSelector& selector : selectors) texts.push_back(selector.description());
  return texts;
}

/// Everything that shapes the program, for its provenance: not where it is written, so that the same compilation gives
/// the same bytes.
std::string provenance(const Options& options, const Configuration& configuration) {
  nlohmann::ordered_json json;
  json["precision"] = options.precision;
  json["dim"] = options.dims;
  json["shape"] = options.shapes;
  json["disable_pass"] = options.disabled;
  if (has_bf16(options)) {
    json["bf16_allow"] = texts_of(configuration.bf16.allow);
    json["bf16_deny"] = texts_of(configuration.bf16.deny);
    if (!options.max_drop.empty()) json["max_drop"] = options.max_drop;
  }
  if (has_int8(options)) {
    json["int8"] = int8_provenance(configuration.int8);
    json["int8"]["requantize"] = options.int8.requantize;
  }
  json["compress"] = options.compress;
  json["bundle"] = options.bundle;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Status check_precision(const std::string& precision) {
  for (const char* known : {"model", "fp32", "bf16", "int8", "int8+bf16"})
    if (precision == known) return {};
  return Error{ErrorCode::kInvalidArgument, concat("--precision ", precision,
                                                   " is not known; use model (as the file says), fp32, bf16, int8 or "
                                                   "int8+bf16")};
}

/// The file of --config, and what the command line adds to it.
Result<Configuration> whole_configuration(const Options& options) {
  Configuration configuration;
  if (!options.config.empty()) {
    TEGULA_ASSIGN_OR_RETURN(configuration, read_configuration(fs::path(options.config)));
  }
  const auto add = [](const char* option, const std::vector<std::string>& texts,
                      std::vector<compiler::NodeSelector>& selectors) -> Status {
    for (const std::string& text : texts) {
      auto selector = compiler::NodeSelector::parse(text);
      if (!selector.ok())
        return Error{selector.error().code, concat(option, " ", text, ": ", selector.error().message)};
      selector->place = option;
      selectors.push_back(std::move(*selector));
    }
    return {};
  };
  TEGULA_RETURN_IF_ERROR(add("--bf16-allow", options.bf16_allow, configuration.bf16.allow));
  TEGULA_RETURN_IF_ERROR(add("--bf16-deny", options.bf16_deny, configuration.bf16.deny));
  if (!has_bf16(options) && !(configuration.bf16.allow.empty() && configuration.bf16.deny.empty()))
    return Error{ErrorCode::kInvalidArgument,
                 concat("lists of what may be bf16 want --precision bf16 or int8+bf16, not ", options.precision)};
  if (!has_int8(options) && !configuration.int8_place.empty())
    return Error{ErrorCode::kInvalidArgument, concat(configuration.int8_place,
                                                     ": the section int8 wants --precision "
                                                     "int8 or int8+bf16, not ",
                                                     options.precision)};
  return configuration;
}

/// What has to stay fp32 for --max-drop, added to the lists.
Status fall_back(const Options& options, const compiler::CompileOptions& compile, Configuration& configuration,
                 std::vector<std::string>& notes) {
  if (options.precision != "bf16" || options.data.empty())
    return Error{ErrorCode::kInvalidArgument, "--max-drop wants --precision bf16, and --data to measure with"};
  FallbackRequest request;
  request.model = options.model;
  request.compile = compile;
  request.lists = configuration.bf16;
  request.data = options.data;
  request.preprocessing = options.preprocessing;
  TEGULA_ASSIGN_OR_RETURN(request.max_drop, parse_drop(options.max_drop));
  Progress progress("measuring bf16");
  request.progress = [&](std::string_view what) { progress.show(what, 0, 0); };
  TEGULA_ASSIGN_OR_RETURN(Fallback fallback, find_bf16_fallback(request));
  configuration.bf16 = std::move(fallback.lists);
  notes = std::move(fallback.notes);
  return {};
}

/// `notes`: gets what the search for a fallback says.
Result<compiler::CompileOptions> compile_options(const Options& options, std::vector<std::string>& notes) {
  compiler::CompileOptions compile;
  TEGULA_RETURN_IF_ERROR(check_precision(options.precision));
  TEGULA_ASSIGN_OR_RETURN(compile.import.dims, parse_dims(options.dims));
  TEGULA_ASSIGN_OR_RETURN(compile.import.shapes, parse_shapes(options.shapes));
  compile.passes.disabled = options.disabled;
  compile.passes.dump_after = options.dump_after;
  compile.passes.dump = [](std::string_view pass, const std::string& text) {
    std::printf("== after %.*s\n%s\n", static_cast<int>(pass.size()), pass.data(), text.c_str());
  };
  compile.write.compress = options.compress;
  TEGULA_ASSIGN_OR_RETURN(Configuration configuration, whole_configuration(options));
  if (!options.max_drop.empty()) TEGULA_RETURN_IF_ERROR(fall_back(options, compile, configuration, notes));
  if (has_int8(options)) {
    compiler::QuantizationOptions& quantization = configuration.int8;
    TEGULA_RETURN_IF_ERROR(apply(options.int8, quantization));
    TEGULA_ASSIGN_OR_RETURN(const Quantizing quantizing,
                            make_quantizing(options.model, compile.import, options.int8, quantization));
    if (options.int8.requantize) compile.passes.drop_quantization = compiler::drop_quantization;
    compile.passes.quantize = quantizing.make_pass(quantization);
    compile.write.calibration_xxh3 = quantizing.calibration_xxh3;
  }
  if (has_bf16(options))
    compile.passes.assign_bf16 = [bf16 = configuration.bf16](compiler::Graph& graph) {
      return compiler::assign_bf16(graph, bf16);
    };
  compile.write.configuration = provenance(options, configuration);
  if (!options.graph.empty())
    compile.see_graph = [&](const compiler::Graph& graph) { return data::write_text(options.graph, dot_text(graph)); };
  return compile;
}

/// The inputs of --bundle: from --data, or random ones.
Result<std::vector<std::vector<data::NamedTensor>>> bundle_inputs(const Options& options, const Program& program) {
  std::vector<std::vector<data::NamedTensor>> samples;
  if (options.data.empty()) {
    for (int i = 0; i < options.bundle; ++i) {
      InputRequest request;
      request.seed = static_cast<uint64_t>(i) + 1;
      TEGULA_ASSIGN_OR_RETURN(auto inputs, random_inputs(program, request));
      samples.push_back(std::move(inputs));
    }
    return samples;
  }
  TEGULA_ASSIGN_OR_RETURN(const data::DataSet set, open_data(program, options.data, options.preprocessing));
  for (std::size_t i = 0; i < set.size() && i < static_cast<std::size_t>(options.bundle); ++i) {
    TEGULA_ASSIGN_OR_RETURN(data::Sample sample, set.load(i));
    TEGULA_ASSIGN_OR_RETURN(auto inputs, match_inputs(program, std::move(sample.inputs)));
    samples.push_back(std::move(inputs));
  }
  return samples;
}

Status bundle(const Options& options, const fs::path& path) {
  std::vector<std::vector<data::NamedTensor>> samples;
  {
    TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(path));
    TEGULA_ASSIGN_OR_RETURN(samples, bundle_inputs(options, program));
  }
  return add_test_vectors(path, ReferenceModel(options.model), samples, options.compress);
}

/// int8 that leaves everything real is not what anybody asked for.
Status note_nothing_quantized(const fs::path& path, std::vector<std::string>& notes) {
  TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile file, compiler::read_program_tables(path));
  const std::vector<StepRow> rows = step_rows(file.tables);
  if (std::none_of(rows.begin(), rows.end(), [](const StepRow& row) { return row.precision == "INT8"; }))
    notes.push_back("no operation became int8; --report says of each why");
  return {};
}

Status run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::string> notes;
  for (const std::string& output : {options.output, options.report, options.graph})
    if (!output.empty()) TEGULA_RETURN_IF_ERROR(data::check_writable(output));
  TEGULA_ASSIGN_OR_RETURN(compiler::CompileOptions compile, compile_options(options, notes));
  compiler::CompileReport report;
  // With --bundle the file is complete only once it holds its test vectors: it is made beside its place.
  const auto make = [&](const fs::path& path) -> Status {
    {
      Progress progress(concat("compiling ", fs::path(options.model).filename().native()));
      compile.passes.progress = compile.write.progress = [&](std::string_view stage, int64_t done, int64_t total) {
        progress.show(stage, done, total);
      };
      TEGULA_ASSIGN_OR_RETURN(report, compiler::compile(options.model, path, compile));
      report.notes.insert(report.notes.end(), notes.begin(), notes.end());
    }
    return options.bundle > 0 ? bundle(options, path) : Status{};
  };
  TEGULA_RETURN_IF_ERROR(options.bundle > 0 ? data::replace_file(options.output, make) : make(options.output));
  if (has_int8(options)) TEGULA_RETURN_IF_ERROR(note_nothing_quantized(options.output, report.notes));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.print_passes) std::fputs(pass_table(report).c_str(), stdout);
  TEGULA_ASSIGN_OR_RETURN(const std::string text, summary(report, options.model, options.output, seconds));
  std::fputs(text.c_str(), stdout);
  return options.report.empty() ? Status{} : write_report(options.report, report, options.output, seconds);
}

}  // namespace

void add_compile_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("compile", "Compile an ONNX model into a program file");
  const auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "The model (.onnx)")->required();
  command->add_option("-o,--output", options->output, "The program file to write (.tgl)")->required();
  command
      ->add_option(
          "--precision", options->precision,
          "model: every type as the file says; fp32; bf16 where it is safe; int8; int8+bf16: bf16 where it is not int8")
      ->capture_default_str();
  command
      ->add_option(
          "--bf16-allow", options->bf16_allow,
          "Operations that may be bf16 beside the default ones: type:Softmax, name:NODE, regex:TEXT; repeatable")
      ->type_name("SELECTOR")
      ->allow_extra_args(false);
  command->add_option("--bf16-deny", options->bf16_deny, "Operations that stay fp32; repeatable")
      ->type_name("SELECTOR")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--config", options->config,
          "YAML: which operations become bf16 or int8, and how: sections bf16 and int8, by operator type, name and "
          "expression (README.md, \"INT8\" and \"BF16\")")
      ->type_name("C.yaml");
  command->add_option("--dim", options->dims, "Fix or bound a symbolic dimension: batch=8, batch=1..64; repeatable")
      ->type_name("NAME=SIZES")
      ->allow_extra_args(false);
  command
      ->add_option("--shape", options->shapes, "Shape of an input, instead of the file's: in=Nx3x224x224; repeatable")
      ->type_name("INPUT=SIZES")
      ->allow_extra_args(false);
  command->add_flag("--compress", options->compress, "Compress the weights, for shipping (see aotc pack)");
  command->add_option("--bundle", options->bundle, "Put N test vectors into the file, for runbench --selftest")
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  command->add_option("--data", options->data,
                      concat("For int8, --max-drop and --bundle (there random elements without it). ", kDataHelp));
  command
      ->add_option("--max-drop", options->max_drop,
                   "With --precision bf16 and --data: keep in fp32 what costs more than this share of right answers "
                   "(without labels: of the cosine with fp32), as 0.5%")
      ->type_name("SHARE");
  command->add_option("--preprocess", options->preprocessing, kPreprocessingHelp);
  command->add_option("--report", options->report, "Write what was compiled, step by step, as JSON")
      ->type_name("R.json");
  command->add_flag("--print-passes", options->print_passes, "Print each pass with its time and what it changed");
  command
      ->add_option("--dump-after", options->dump_after,
                   "Print the graph after this pass (or import, or all); repeatable")
      ->type_name("PASS")
      ->allow_extra_args(false);
  command->add_option("--disable-pass", options->disabled, "Leave a pass out (aotc list passes); repeatable")
      ->type_name("PASS")
      ->allow_extra_args(false);
  command->add_option("--dump-graph", options->graph, "Write the final graph for Graphviz")->type_name("G.dot");
  add_int8_options(*command, options->int8);
  command->footer(
      "Examples, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl --dim batch=1..64 --bundle 2 --report shapes.json\n"
      "  aotc compile samples/models/shapes.onnx -o shapes8.tgl --precision int8 --data samples/models/shapes_200.npz");
  command->callback([options, &action] {
    action = [options] {
      if (!options->data.empty() && options->bundle == 0 && !has_int8(*options) && options->max_drop.empty())
        return usage_error(
            "--data gives the inputs of test vectors, the samples of int8's calibration and those of --max-drop: it "
            "wants --bundle N, --precision int8 or --max-drop");
      if (const std::string option = given(options->int8); !option.empty() && !has_int8(*options))
        return usage_error(
            concat(option, " speaks of int8: it wants --precision int8 or int8+bf16, not ", options->precision));
      options->int8.data = options->data;
      options->int8.preprocessing = options->preprocessing;
      const Status status = run(*options);
      return status.ok() ? ExitCode::kSuccess : fail(status.error());
    };
  });
}

}  // namespace tegula::driver
