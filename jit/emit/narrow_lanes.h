#pragma once
#include <optional>

#include "jit/generator.h"
#include "jit/vector_isa.h"
#include "schema/base/dtype.h"

namespace tegula::jit {

/// Elements of u8, s8, bf16, f32 and s32 in memory, as 32-bit lanes in registers: integers widened, bf16 as the fp32 of
/// equal value. One vector of lanes at a time; on AVX-512 `mask`, where given, says which elements exist.
void emit_load_lanes(Generator& code, VectorIsa isa, DType type, int reg, const Xbyak::Address& from,
                     std::optional<Xbyak::Opmask> mask = std::nullopt);

/// The other way: lanes of u8 and s8 hold integers within the type's range, of bf16 values that are bf16, or with
/// `convert_to_bf16` (AVX-512 BF16) any fp32. Overwrites the registers `scratch`; `reg` stays.
void emit_store_lanes(Generator& code, VectorIsa isa, DType type, const Xbyak::Address& to, int reg,
                      const int (&scratch)[2], std::optional<Xbyak::Opmask> mask = std::nullopt,
                      bool convert_to_bf16 = false);

}  // namespace tegula::jit
