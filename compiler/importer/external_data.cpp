#include "compiler/importer/external_data.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace tegula::compiler {
namespace {

namespace fs = std::filesystem;

Error refuse(const std::string& location, std::string_view why) {
  return {ErrorCode::kInvalidFile, concat("external data '", location, "' ", why)};
}

std::optional<uint64_t> parse_size(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool lies_in(const fs::path& file, const fs::path& folder) {
  const auto [in_folder, in_file] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return in_folder == folder.end() && in_file != file.end();
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> ExternalData::open(const std::string& location) {
  if (const auto known = files_.find(location); known != files_.end()) return known->second;
  if (!folder_) return refuse(location, "cannot be read: the model came from memory, not from a folder");
  if (location.empty() || location.find('\0') != std::string::npos) return refuse(location, "is not a file name");
  const fs::path relative(location);
  if (relative.is_absolute()) return refuse(location, "is an absolute path: it must be relative to the model's folder");
  for (const fs::path& part : relative)
    if (part == "..") return refuse(location, "leaves the model's folder: '..' is not allowed");

  std::error_code failure;
  const fs::path folder = fs::canonical(folder_->empty() ? fs::path(".") : *folder_, failure);
  if (failure) return refuse(location, concat("cannot be found: ", failure.message()));
  const fs::path file = fs::canonical(folder / relative, failure);
  if (!failure && file == folder) return refuse(location, "is the model's folder");
  if (failure) return refuse(location, concat("cannot be opened in ", folder.string(), ": ", failure.message()));
  if (!lies_in(file, folder))
    return refuse(location, "is a symbolic link out of the model's folder: put the file itself beside the model");
  TEGULA_ASSIGN_OR_RETURN(auto mapped, MappedFile::open(file));
  files_.emplace(location, mapped);
  return mapped;
}

Result<ExternalData::Bytes> ExternalData::find(const onnx::TensorProto& tensor, std::size_t bytes_needed) {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length") continue;
    const std::optional<uint64_t> value = parse_size(entry.value());
    if (!value) return refuse(location, concat("has a bad ", entry.key(), " '", entry.value(), "'"));
    if (entry.key() == "offset")
      offset = *value;
    else
      length = value;
  }
  if (length && *length != bytes_needed)
    return refuse(location, concat("gives ", *length, " bytes to a tensor of ", bytes_needed));
  if (bytes_needed == 0) return Bytes{};
  TEGULA_ASSIGN_OR_RETURN(const auto file, open(location));
  const std::span<const std::byte> bytes = file->bytes();
  if (offset > bytes.size() || bytes.size() - offset < bytes_needed)
    return refuse(location, concat("has ", bytes.size(), " bytes, too few for ", bytes_needed, " at offset ", offset));
  return Bytes{bytes.subspan(static_cast<std::size_t>(offset), bytes_needed), file};
}

}  // namespace tegula::compiler
