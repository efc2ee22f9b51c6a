#pragma once
#include <filesystem>
#include <string>

#include "compiler/precision/choose_bf16.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// What the YAML file of --config says. One section for each subject:
///
///   bf16:
///     allow: [type:Softmax, "name:/head/MatMul_3"]     # NodeSelector::parse
///     deny: ["regex:.*/embeddings/.*"]
///   int8: ...                                          # int8_section.h
struct Configuration {
  compiler::Bf16Options bf16;
  compiler::QuantizationOptions int8;
  std::string int8_place;  ///< where its section stands; empty: there is none
};

/// kInvalidArgument, with the line: a file that cannot be read or is no YAML, a section or an option that does not
/// exist, one that stands there twice, a value of another form.
Result<Configuration> read_configuration(const std::filesystem::path& path);

}  // namespace tegula::driver
