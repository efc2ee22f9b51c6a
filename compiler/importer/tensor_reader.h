#pragma once
#include <memory>

#include "compiler/graph/literal.h"
#include "compiler/importer/external_data.h"
#include "schema/base/result.h"

namespace onnx {
class SparseTensorProto;
class TensorProto;
}  // namespace onnx

namespace tegula::compiler {

/// Largest dense form of a sparse tensor: a few bytes of a file must not ask for all memory.
inline constexpr int64_t kMaxDensifiedBytes = int64_t{1} << 30;

/// The tensor in the type that the file gives it. The literal aliases the message (which `owner` keeps alive) or the
/// mapped external file; it copies only what is not stored as plain elements of its type. kUnsupported for element
/// types that we do not have, kInvalidFile for everything that does not fit together.
Result<Literal> read_tensor(const onnx::TensorProto& tensor, std::shared_ptr<const void> owner, ExternalData& external);

/// The dense form: zeros but for the given elements.
Result<Literal> read_sparse_tensor(const onnx::SparseTensorProto& tensor, std::shared_ptr<const void> owner,
                                   ExternalData& external);

/// FP16 and BF16 as FP32, exactly; other literals as they are.
Literal widened(const Literal& literal);

}  // namespace tegula::compiler
