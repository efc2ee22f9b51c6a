#include "compiler/data/npz.h"

#include <zip.h>

#include <array>
#include <deque>
#include <memory>
#include <set>

#include "compiler/data/files.h"

namespace tegula::data {
namespace {

constexpr std::string_view kSuffix = ".npy";

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;
using Member = std::unique_ptr<zip_file_t, CloseMember>;

Result<Archive> open_archive(const std::filesystem::path& path, int flags) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), flags, &code));
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS)
    return Error{ErrorCode::kInvalidFile, concat(in_quotes(path.native()), ": not a .npz archive (", text, ")")};
  return Error{ErrorCode::kInvalidArgument, concat("cannot open ", in_quotes(path.native()), ": ", text)};
}

/// Whether `bytes` can come out of `stored` bytes: deflate's best is 258 bytes from two bits.
bool is_plausible_size(uint64_t bytes, uint64_t stored, uint16_t method) {
  constexpr uint64_t kBestDeflateRatio = 1032;
  return method == ZIP_CM_STORE ? bytes == stored : bytes / kBestDeflateRatio <= stored + 1;
}

Result<NamedTensor> read_member(zip_t* archive, uint64_t index, const std::filesystem::path& path) {
  zip_stat_t status;
  zip_stat_init(&status);
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(archive, index, 0, &status) != 0 || (status.valid & kNeeded) != kNeeded)
    return Error{ErrorCode::kInvalidFile, concat(in_quotes(path.native()), ": member ", index, " is damaged")};
  std::string name = status.name;
  const auto invalid = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidFile, concat(in_quotes(path.native()), ", member ", in_quotes(name), ": ", why)};
  };
  if (!name.ends_with(kSuffix)) return invalid("not an array; a .npz archive holds .npy members only");
  name.resize(name.size() - kSuffix.size());
  if (status.encryption_method != ZIP_EM_NONE) return invalid("encrypted archives are not read");
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)
    return invalid(
        concat("compression method ", status.comp_method, " is not read; use np.savez or np.savez_compressed"));
  if (!is_plausible_size(status.size, status.comp_size, status.comp_method))
    return invalid(concat(status.comp_size, " bytes cannot hold the ", status.size, " that the archive promises"));

  const Member member(zip_fopen_index(archive, index, 0));
  if (!member) return invalid(zip_strerror(archive));
  const auto read = [&](std::span<std::byte> to) -> Result<std::size_t> {
    std::size_t done = 0;
    while (done < to.size()) {
      const zip_int64_t got = zip_fread(member.get(), to.data() + done, to.size() - done);
      if (got < 0)
        return invalid(concat("cannot be read (", zip_file_strerror(member.get()), "); the archive is damaged"));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  };
  TEGULA_ASSIGN_OR_RETURN(Tensor tensor,
                          read_npy(read, status.size, concat(in_quotes(path.native()), ", array ", in_quotes(name))));
  std::byte beyond{};  // one more read makes libzip compare the member's CRC
  TEGULA_ASSIGN_OR_RETURN(const std::size_t extra, read(std::span(&beyond, 1)));
  if (extra != 0) return invalid("it holds more bytes than the archive says");
  return NamedTensor{std::move(name), std::move(tensor)};
}

Error cannot_write(const std::filesystem::path& path, zip_t* archive) {
  return {ErrorCode::kInvalidArgument, concat("cannot write ", in_quotes(path.native()), ": ", zip_strerror(archive))};
}

}  // namespace

Result<std::vector<NamedTensor>> read_npz(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(const Archive archive, open_archive(path, ZIP_RDONLY | ZIP_CHECKCONS));
  const zip_int64_t members = zip_get_num_entries(archive.get(), 0);
  std::vector<NamedTensor> arrays;
  std::set<std::string> names;
  for (zip_int64_t i = 0; i < members; ++i) {
    TEGULA_ASSIGN_OR_RETURN(NamedTensor array, read_member(archive.get(), static_cast<uint64_t>(i), path));
    if (!names.insert(array.name).second)
      return Error{ErrorCode::kInvalidFile,
                   concat(in_quotes(path.native()), ": array ", in_quotes(array.name), " is there twice")};
    arrays.push_back(std::move(array));
  }
  return arrays;
}

Result<Tensor> read_npz_array(const std::filesystem::path& path, std::string_view name) {
  TEGULA_ASSIGN_OR_RETURN(const Archive archive, open_archive(path, ZIP_RDONLY | ZIP_CHECKCONS));
  const zip_int64_t index = zip_name_locate(archive.get(), concat(name, kSuffix).c_str(), 0);
  if (index < 0)
    return Error{ErrorCode::kInvalidArgument, concat(in_quotes(path.native()), " has no array ", in_quotes(name))};
  TEGULA_ASSIGN_OR_RETURN(NamedTensor array, read_member(archive.get(), static_cast<uint64_t>(index), path));
  return std::move(array.tensor);
}

Status write_npz(const std::filesystem::path& path, const std::vector<NamedSpan>& arrays, bool deflate) {
  if (arrays.empty())
    return Error{ErrorCode::kInvalidArgument, concat("no arrays to write to ", in_quotes(path.native()))};
  return replace_file(path, [&](const std::filesystem::path& temporary) -> Status {
    auto opened = open_archive(temporary, ZIP_CREATE | ZIP_TRUNCATE);
    if (!opened.ok())
      return Error{ErrorCode::kInvalidArgument,
                   concat("cannot write ", in_quotes(path.native()), ": ", opened.error().message)};
    Archive archive = *std::move(opened);
    std::deque<std::string> headers;  // libzip reads headers and elements when the archive is closed
    std::deque<Tensor> widened;
    for (const NamedSpan& array : arrays) {
      TensorSpan tensor = array.tensor;
      headers.push_back(npy_header(tensor.dtype, tensor.dims));
      if (tensor.dtype == DType::kBF16) {
        TEGULA_ASSIGN_OR_RETURN(Tensor wide, widen_bf16(tensor));
        tensor = widened.emplace_back(std::move(wide));
      }
      zip_buffer_fragment_t parts[2] = {};
      parts[0].data = reinterpret_cast<zip_uint8_t*>(headers.back().data());
      parts[0].length = headers.back().size();
      parts[1].data = reinterpret_cast<zip_uint8_t*>(const_cast<std::byte*>(tensor.bytes.data()));  // only read
      parts[1].length = tensor.bytes.size();
      zip_source_t* source = zip_source_buffer_fragment(archive.get(), parts, tensor.bytes.empty() ? 1 : 2, 0);
      if (source == nullptr) return cannot_write(path, archive.get());
      const zip_int64_t index =
          zip_file_add(archive.get(), concat(array.name, kSuffix).c_str(), source, ZIP_FL_ENC_UTF_8);
      if (index < 0) {
        zip_source_free(source);
        return cannot_write(path, archive.get());
      }
      constexpr zip_uint16_t kTime = 0, kDate = 1 << 5 | 1;  // 1980-01-01 00:00: the same file whenever it is written
      if (zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index),
                                   deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) != 0 ||
          zip_file_set_dostime(archive.get(), static_cast<zip_uint64_t>(index), kTime, kDate, 0) != 0)
        return cannot_write(path, archive.get());
    }
    if (zip_close(archive.get()) != 0) return cannot_write(path, archive.get());
    [[maybe_unused]] const zip_t* closed = archive.release();
    return {};
  });
}

}  // namespace tegula::data
