#pragma once
#include <span>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// dst = the sources one after another along dimension `axis`.

/// Looks at types and dimensions only. kInvalidArgument: axis, types, ranks or dimensions do not fit together.
Status check_concat(int axis, std::span<const TensorView> srcs, const TensorView& dst);

/// Checks, then copies. Any strides; dst must not overlap a source.
Status concatenate(int axis, std::span<const TensorView> srcs, const TensorView& dst);

/// The part of dst that a source of `size` along `axis` goes to, from index `begin` on.
TensorView part_of(const TensorView& dst, int axis, int64_t begin, int64_t size);

}  // namespace tegula::kernels
