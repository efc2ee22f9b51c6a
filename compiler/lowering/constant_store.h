#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "compiler/lowering/spool_file.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// The bytes of a program's constants while it is lowered, each content once. Packed weights go to a temporary file as
/// they come, literals stay where they are: however large the model, only the weights being packed are in memory.
class ConstantStore {
 public:
  /// `folder`: where a temporary file may grow as large as the program.
  explicit ConstantStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Bytes that somebody (`owner`) keeps; returns the number of the content.
  uint32_t add_kept(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
  /// Bytes to be copied away.
  Result<uint32_t> add_copied(std::span<const std::byte> bytes);

  std::size_t size() const { return contents_.size(); }
  uint64_t bytes_of(uint32_t content) const { return contents_[content].size; }
  /// To be called before bytes(), after the last add.
  Status finish();
  std::span<const std::byte> bytes(uint32_t content) const;

 private:
  struct Content {
    uint64_t size = 0;
    std::span<const std::byte> kept;
    std::shared_ptr<const void> owner;
    bool spooled = false;
    uint64_t offset = 0;  // in the spool
  };
  using Digest = std::pair<std::pair<uint64_t, uint64_t>, uint64_t>;  // XXH3-128 and size

  std::filesystem::path folder_;
  std::optional<SpoolFile> spool_;
  std::span<const std::byte> spooled_;
  std::vector<Content> contents_;
  std::map<Digest, uint32_t> known_;
};

}  // namespace tegula::compiler
