#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>

#include "schema/base/result.h"

namespace tegula::data {

/// The whole of a regular file. kInvalidArgument: it cannot be opened or is no file; kInvalidFile: larger than `limit`.
Result<std::string> read_file(const std::filesystem::path& path, uint64_t limit = uint64_t{1} << 31);

/// Writes the parts, one after another, to a temporary file beside `path` and renames it over `path` when it is
/// complete: a reader sees the old file or the new one. kInvalidArgument: the folder cannot be written; kOutOfMemory:
/// no space is left.
Status write_file(const std::filesystem::path& path, std::initializer_list<std::span<const std::byte>> parts);
Status write_text(const std::filesystem::path& path, std::string_view text);

/// The same for bytes that come one after another: `write` passes them to the sink that it is given.
using FileSink = std::function<Status(std::span<const std::byte>)>;
Status stream_file(const std::filesystem::path& path, const std::function<Status(const FileSink&)>& write);

/// Whether a file can be written there, by making and removing one beside it: for what takes long before it writes.
Status check_writable(const std::filesystem::path& path);

/// Runs `write` on a temporary path beside `path` and renames the result over `path`; after an error nothing is left.
Status replace_file(const std::filesystem::path& path,
                    const std::function<Status(const std::filesystem::path&)>& write);

}  // namespace tegula::data
