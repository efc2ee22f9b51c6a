// aotc inspect: what a program file holds, for people or as JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "compiler/driver/commands.h"
#include "compiler/driver/step_table.h"
#include "compiler/writer/program_file.h"
#include "schema/file_layout.h"
#include "tegula/program.h"

namespace tegula::driver {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string program;
  bool json = false;
};

std::string hex(uint64_t value) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

Json tensor_json(const TensorInfo& info) {
  Json dims = Json::array();
  for (const Dimension& dimension : info.dims)
    dims.push_back(dimension.size >= 0 ? Json(dimension.size) : Json(dimension.symbol));
  Json json{{"name", info.name}, {"type", name_of(info.dtype)}, {"dims", dims}};
  if (info.feeds_shapes) json["feeds_shapes"] = true;
  return json;
}

Json provenance_json(const ProvenanceInfo& provenance) {
  Json json{{"aotc_version", provenance.aotc_version},
            {"model_name", provenance.model_name},
            {"model_producer", provenance.model_producer},
            {"model_xxh3", hex(provenance.model_xxh3)}};
  const Json configuration = Json::parse(provenance.configuration, nullptr, false);
  json["configuration"] = configuration.is_discarded() ? Json(provenance.configuration) : configuration;
  json["notes"] = provenance.notes;
  return json;
}

/// The whole file; the text for people is made from it.
Json describe(const Program& program, const compiler::ProgramFile& file) {
  const schema::ProgramT& tables = file.tables;
  Json json;
  json["file_bytes"] = program.file_bytes();
  json["format_version"] = kFormatVersion;
  json["numerics_version"] = tables.numerics_version;
  json["provenance"] = provenance_json(program.provenance());
  json["inputs"] = json["outputs"] = json["symbols"] = json["constraints"] = json["segments"] = json["steps"] =
      json["test_vectors"] = Json::array();
  for (const TensorInfo& info : program.inputs()) json["inputs"].push_back(tensor_json(info));
  for (const TensorInfo& info : program.outputs()) json["outputs"].push_back(tensor_json(info));
  for (const SymbolInfo& symbol : program.symbols()) {
    Json row{{"name", symbol.name}, {"min", symbol.min}};
    row["max"] = symbol.max == INT64_MAX ? Json(nullptr) : Json(symbol.max);
    json["symbols"].push_back(row);
  }
  for (const auto& constraint : tables.constraints) json["constraints"].push_back(constraint->message);
  for (const auto& segment : tables.segments)
    json["segments"].push_back({{"offset", segment->offset},
                                {"bytes", segment->bytes},
                                {"stored_bytes", segment->stored_bytes},
                                {"compressed", segment->compressed},
                                {"xxh3", hex(segment->xxh3)}});
  for (const StepRow& row : step_rows(tables))
    json["steps"].push_back({{"name", row.name},
                             {"kind", row.kind},
                             {"precision", row.precision},
                             {"rule", row.rule},
                             {"types", row.types},
                             {"shapes", row.shapes},
                             {"post_ops", row.post_ops},
                             {"onnx_nodes", row.onnx_nodes}});
  for (const auto& vector : tables.test_vectors) {
    Json inputs = Json::array();
    for (const auto& input : vector->inputs) inputs.push_back({{"name", input->name}, {"dims", input->dims}});
    json["test_vectors"].push_back(
        {{"inputs", inputs}, {"outputs", vector->outputs.size()}, {"deviation", vector->deviation}});
  }
  return json;
}

std::string text_of(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.dump();
}

std::string joined(const Json& list, std::string_view separator) {
  std::string text;
  for (const Json& item : list) text += concat(text.empty() ? "" : separator, text_of(item));
  return text;
}

void print_tensors(const char* what, const Json& tensors) {
  for (const Json& tensor : tensors)
    std::printf("%-8s %s: %s[%s]%s\n", what, text_of(tensor["name"]).c_str(), text_of(tensor["type"]).c_str(),
                joined(tensor["dims"], ",").c_str(),
                tensor.contains("feeds_shapes") ? "  (its elements decide shapes)" : "");
}

void print_steps(const Json& steps) {
  std::size_t name_width = 4, kind_width = 4;
  for (const Json& step : steps) {
    name_width = std::min<std::size_t>(44, std::max(name_width, text_of(step["name"]).size()));
    kind_width = std::max(kind_width, text_of(step["kind"]).size());
  }
  std::printf("\n%zu steps\n", steps.size());
  std::size_t number = 0;
  for (const Json& step : steps) {
    const std::string post_ops = joined(step["post_ops"], " + "), nodes = joined(step["onnx_nodes"], ", ");
    std::printf("%4zu  %-*s  %-*s  %-5s  %s%s%s  {%s}\n", number++, static_cast<int>(kind_width),
                text_of(step["kind"]).c_str(), static_cast<int>(name_width), text_of(step["name"]).c_str(),
                text_of(step["precision"]).c_str(), text_of(step["shapes"]).c_str(), post_ops.empty() ? "" : " + ",
                post_ops.c_str(), nodes.c_str());
  }
}

void print(const Json& json) {
  const Json& provenance = json["provenance"];
  std::printf("file     %.2f MB, format %d, numerics %d\n", json["file_bytes"].get<double>() / 1e6,
              json["format_version"].get<int>(), json["numerics_version"].get<int>());
  std::printf("model    %s (xxh3 %s), made by %s\n", text_of(provenance["model_name"]).c_str(),
              text_of(provenance["model_xxh3"]).c_str(), text_of(provenance["model_producer"]).c_str());
  std::printf("compiled by aotc %s with %s\n", text_of(provenance["aotc_version"]).c_str(),
              provenance["configuration"].dump().c_str());
  for (const Json& note : provenance["notes"]) std::printf("note     %s\n", text_of(note).c_str());
  print_tensors("input", json["inputs"]);
  print_tensors("output", json["outputs"]);
  for (const Json& symbol : json["symbols"])
    std::printf("symbol   %s: %s to %s\n", text_of(symbol["name"]).c_str(), symbol["min"].dump().c_str(),
                symbol["max"].is_null() ? "any size" : symbol["max"].dump().c_str());
  for (const Json& constraint : json["constraints"]) std::printf("checks   %s\n", text_of(constraint).c_str());
  double bytes = 0, stored = 0;
  for (const Json& segment : json["segments"]) {
    bytes += segment["bytes"].get<double>();
    stored += segment["stored_bytes"].get<double>();
  }
  std::printf("segments %zu, %.2f MB, %.2f MB in the file\n", json["segments"].size(), bytes / 1e6, stored / 1e6);
  for (const Json& vector : json["test_vectors"])
    std::printf("test vector with %zu inputs, deviation %.3g\n", vector["inputs"].size(),
                vector["deviation"].get<double>());
  print_steps(json["steps"]);
}

Status inspect(const Options& options) {
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(options.program));
  TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile file, compiler::read_program_tables(options.program));
  const Json json = describe(program, file);
  if (options.json)
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  else
    print(json);
  return {};
}

}  // namespace

void add_inspect_command(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("inspect", "Show what a program file holds: provenance, inputs and outputs, steps, segments");
  const auto options = std::make_shared<Options>();
  command->add_option("program", options->program, "The program file")->required();
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl\n"
      "  aotc inspect shapes.tgl\n"
      "  aotc inspect shapes.tgl --json > shapes.json");
  command->callback([options, &action] {
    action = [options] {
      const Status status = inspect(*options);
      return status.ok() ? ExitCode::kSuccess : fail(status.error());
    };
  });
}

}  // namespace tegula::driver
