#pragma once
#include <cstdint>
#include <vector>

#include "tests/kernels/gemm/typed_tiles.h"

namespace tegula::kernels::test {

/// What a random call of integer attention takes its sizes from.
struct QuantizedAttentionSizes {
  std::vector<int64_t> seq_q = {1, 2, 7, 15, 33, 60};
  std::vector<int64_t> seq_kv = {1, 5, 16, 17, 40, 67};
  std::vector<int64_t> dim = {1, 8, 20, 64};
  std::vector<int64_t> value_dim = {4, 16, 20, 64};
};

/// A random call in every implementation, in several numbers of blocks, equals plain loops bit for bit. The machine has
/// AVX2. Failures are fatal.
void check_quantized_attention(Random& random, const QuantizedAttentionSizes& sizes, TileSets sets);

}  // namespace tegula::kernels::test
