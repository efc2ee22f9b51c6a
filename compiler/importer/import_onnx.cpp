#include <onnx/onnx_pb.h>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <limits>
#include <unordered_set>

#include "compiler/driver/compile.h"
#include "compiler/importer/mapped_file.h"
#include "compiler/importer/model_importer.h"
#include "schema/base/check.h"
#include "schema/file_layout.h"
#include "schema/printable.h"

namespace tegula::compiler {
namespace {

/// Messages in messages; a nested graph takes three levels. Protobuf's default, stated because deeper files would
/// exhaust the stack of everything that walks a model.
constexpr int kMaxMessageDepth = 100;

Result<std::shared_ptr<const onnx::ModelProto>> parse(std::span<const std::byte> bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return Error{ErrorCode::kInvalidFile,
                 "larger than protobuf's 2 GiB: save the model with its weights as external data"};
  google::protobuf::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream stream(&array);
  stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
  stream.SetRecursionLimit(kMaxMessageDepth);
  auto model = std::make_shared<onnx::ModelProto>();
  if (!model->ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return Error{ErrorCode::kInvalidFile, "not an ONNX model, or a damaged one: protobuf cannot read it"};
  return std::shared_ptr<const onnx::ModelProto>(std::move(model));
}

Result<ImportedModel> import(std::span<const std::byte> bytes, ExternalData external, const ImportOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(const auto model, parse(bytes));
  ImportedModel imported;
  imported.info.producer = model->producer_name();
  if (!model->producer_version().empty()) imported.info.producer += " " + model->producer_version();
  imported.info.nodes = model->graph().node_size();
  imported.info.xxh3 = checksum(bytes.data(), bytes.size());
  for (const onnx::OperatorSetIdProto& opset : model->opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx") imported.info.opset = opset.version();
  try {
    ModelImporter importer(model, std::move(external), options);
    TEGULA_ASSIGN_OR_RETURN(imported.graph, importer.run());
  } catch (const InternalError& error) {
    return Error{ErrorCode::kInternal, printable(error.what(), kLongestMessage)};
  }
  return imported;
}

}  // namespace

Result<ImportedModel> import_onnx(const std::filesystem::path& path, const ImportOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  auto imported = import(file->bytes(), ExternalData(path.parent_path()), options);
  if (!imported.ok())
    return Error{imported.error().code, concat(path.filename().string(), ": ", imported.error().message)};
  imported->info.file_name = path.filename().string();
  return imported;
}

Result<ImportedModel> import_onnx_bytes(std::string_view bytes, const ImportOptions& options) {
  return import(std::as_bytes(std::span(bytes)), ExternalData(), options);
}

Result<uint64_t> onnx_xxh3(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  return checksum(file->bytes().data(), file->bytes().size());
}

Result<std::vector<std::string>> onnx_inputs(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  const auto model = parse(file->bytes());
  if (!model.ok()) return Error{model.error().code, concat(path.filename().string(), ": ", model.error().message)};
  const onnx::GraphProto& graph = (*model)->graph();
  std::unordered_set<std::string> initializers;
  for (const onnx::TensorProto& tensor : graph.initializer()) initializers.insert(tensor.name());
  for (const onnx::SparseTensorProto& tensor : graph.sparse_initializer()) initializers.insert(tensor.values().name());
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto& input : graph.input())
    if (!initializers.contains(input.name())) names.push_back(input.name());
  return names;
}

}  // namespace tegula::compiler
