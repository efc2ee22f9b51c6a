#include "compiler/lowering/constant_store.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

/// 128 bits: contents with equal digests are taken to be equal.
std::pair<std::pair<uint64_t, uint64_t>, uint64_t> digest(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {{hash.high64, hash.low64}, bytes.size()};
}

}  // namespace

uint32_t ConstantStore::add_kept(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  const auto [found, is_new] = known_.try_emplace(digest(bytes), static_cast<uint32_t>(contents_.size()));
  if (is_new) contents_.push_back({.size = bytes.size(), .kept = bytes, .owner = std::move(owner)});
  return found->second;
}

Result<uint32_t> ConstantStore::add_copied(std::span<const std::byte> bytes) {
  const auto [found, is_new] = known_.try_emplace(digest(bytes), static_cast<uint32_t>(contents_.size()));
  if (!is_new) return found->second;
  if (!spool_) {
    TEGULA_ASSIGN_OR_RETURN(SpoolFile file, SpoolFile::create_in(folder_));
    spool_.emplace(std::move(file));
  }
  contents_.push_back({.size = bytes.size(), .kept = {}, .owner = nullptr, .spooled = true, .offset = spool_->size()});
  TEGULA_RETURN_IF_ERROR(spool_->append(bytes));
  return found->second;
}

Status ConstantStore::finish() {
  if (!spool_) return {};
  TEGULA_ASSIGN_OR_RETURN(spooled_, spool_->map());
  return {};
}

std::span<const std::byte> ConstantStore::bytes(uint32_t content) const {
  const Content& stored = contents_[content];
  if (!stored.spooled) return stored.kept;
  TEGULA_CHECK(stored.offset + stored.size <= spooled_.size(), "finish() has mapped everything that was added");
  return spooled_.subspan(static_cast<std::size_t>(stored.offset), static_cast<std::size_t>(stored.size));
}

}  // namespace tegula::compiler
