#pragma once
#include <compare>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "kernels/copy/transpose_block.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// What shapes the code that transposes squares of elements.
struct TransposeCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  int element_bytes = 4;  ///< 1, 2, 4 or 8

  auto operator<=>(const TransposeCodeDesc&) const = default;
  /// Of a square: 16 for 1 and 2 bytes, otherwise a vector's lanes.
  int64_t side() const;
  std::string name() const;  ///< "transpose_32bit_avx512"
};

/// Generated transposition of squares, in registers: a line of src is read once and a line of dst written once, also
/// when their strides make all of them fall into one set of the cache. Immutable; safe for concurrent calls.
class TransposeCode {
 public:
  virtual ~TransposeCode() = default;
  const TransposeSquares& squares() const { return squares_; }

 protected:
  TransposeSquares squares_;
};

using TransposeCodePtr = std::shared_ptr<const TransposeCode>;
Result<TransposeCodePtr> build_transpose(const TransposeCodeDesc& desc);

}  // namespace tegula::kernels
