#include "compiler/driver/check_compilation.h"

#include <string>

#include "compiler/data/tensor_data.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/int8_provenance.h"
#include "compiler/writer/program_file.h"

namespace tegula::driver {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// "algorithm kl instead of mse, ..." of the keys that differ, one level deep.
std::string differences(const Json& program, const Json& here) {
  std::string text;
  for (const auto& [key, value] : here.items()) {
    const Json other = program.contains(key) ? program[key] : Json();
    if (other != value)
      text += concat(text.empty() ? "" : ", ", key, " ", other.is_null() ? "none" : text_of(other), " instead of ",
                     text_of(value));
  }
  for (const auto& [key, value] : program.items())
    if (!here.contains(key)) text += concat(text.empty() ? "" : ", ", key, " ", text_of(value), " instead of none");
  return text;
}

}  // namespace

Status check_compilation(const std::filesystem::path& program, const std::filesystem::path& model,
                         const compiler::QuantizationOptions& quantization, bool requantize) {
  TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile file, compiler::read_program_tables(program));
  const auto error = [&](const auto&... parts) {
    return Error{ErrorCode::kInvalidArgument, concat(data::in_quotes(program.native()), " was compiled ", parts...)};
  };
  if (file.tables.provenance == nullptr) return {};  // its outputs will tell
  const schema::ProvenanceT& provenance = *file.tables.provenance;
  TEGULA_ASSIGN_OR_RETURN(const uint64_t xxh3, compiler::onnx_xxh3(model));
  if (provenance.model_xxh3 != xxh3)
    return error("from another model, ", data::in_quotes(provenance.model_name), ", than ",
                 data::in_quotes(model.native()));
  const Json said = Json::parse(provenance.configuration, nullptr, false);
  if (!said.is_object() || !said.contains("precision")) return {};
  const std::string precision = text_of(said["precision"]);
  if (precision != "int8")
    return error("with --precision ", precision,
                 "; this is for --precision int8, whose products it compares with fp32");
  Json here = int8_provenance(quantization);
  here["requantize"] = requantize;
  const std::string different =
      said.contains("int8") && said["int8"].is_object() ? differences(said["int8"], here) : "";
  if (!different.empty())
    return error("with other options, ", different, "; give those of its compilation, with its --config");
  return {};
}

}  // namespace tegula::driver
