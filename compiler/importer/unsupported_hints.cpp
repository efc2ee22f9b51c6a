#include "compiler/importer/unsupported_hints.h"

#include <algorithm>
#include <array>

#include "schema/base/result.h"

namespace tegula::compiler {
namespace {

struct Hint {
  std::string_view prefix;  ///< of the operator's name
  std::string_view text;
};

constexpr std::array<Hint, 22> kHints = {{
    {"Loop", "loops are not supported: export the model with the loop unrolled"},
    {"Scan", "loops are not supported: export the model with the loop unrolled"},
    {"SequenceMap", "loops over sequences are not supported: export the model with tensors"},
    {"Sequence", "sequences of tensors are not supported: export the model with tensors"},
    {"SplitToSequence", "sequences of tensors are not supported: use Split"},
    {"ConcatFromSequence", "sequences of tensors are not supported: use Concat"},
    {"Optional", "optional values are not supported: export the model without them"},
    {"NonZero", "the size of its output depends on data: cut the model before it and do the rest outside"},
    {"NonMaxSuppression", "the size of its output depends on data: cut the model before it and do the rest outside"},
    {"Unique", "the size of its output depends on data: cut the model before it and do the rest outside"},
    {"Compress", "the size of its output depends on data: cut the model before it and do the rest outside"},
    {"String", "strings are not supported: do this step outside the model"},
    {"RegexFullMatch", "strings are not supported: do this step outside the model"},
    {"TfIdfVectorizer", "text is not supported: do this step outside the model"},
    {"ImageDecoder", "encoded images are not supported: decode them outside the model"},
    {"Random", "random numbers are not supported: make them an input"},
    {"Bernoulli", "random numbers are not supported: make them an input"},
    {"Multinomial", "random numbers are not supported: make them an input"},
    {"DFT", "Fourier transforms are not supported: do this step outside the model"},
    {"STFT", "Fourier transforms are not supported: do this step outside the model"},
    {"BlackmanWindow", "export the window as a constant"},
    {"SoftmaxCrossEntropyLoss", "losses belong to training: export the model for inference"},
}};

}  // namespace

std::string hint_for(std::string_view domain, std::string_view op_type) {
  if (domain == "ai.onnx.ml")
    return "classical machine learning (domain ai.onnx.ml) is not supported: do this step outside the model";
  if (domain.find("training") != std::string_view::npos)
    return "training is not supported: export the model for inference";
  if (!domain.empty() && domain != "com.microsoft")
    return concat("the operators of domain ", domain, " are not known: export the model with its functions included");
  const auto hint =
      std::find_if(kHints.begin(), kHints.end(), [&](const Hint& h) { return op_type.starts_with(h.prefix); });
  if (hint != kHints.end()) return std::string(hint->text);
  return "the operator is not supported: export the model without it, or cut the model there";
}

}  // namespace tegula::compiler
