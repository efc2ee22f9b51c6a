#include "schema/file_layout.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tegula {

uint64_t checksum(const void* data, std::size_t bytes) { return XXH3_64bits(data, bytes); }

}  // namespace tegula
