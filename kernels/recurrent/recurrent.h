#pragma once
#include <array>
#include <cstddef>

#include "kernels/plain_loops.h"
#include "schema/function.h"

namespace tegula::kernels {

// The numbers are those of program.fbs.
enum class RecurrentKind : uint8_t { kRnn = 0, kGru = 1, kLstm = 2 };

/// out_scale * function(in_scale * x): scales other than 1 are for ScaledTanh.
struct GateActivation {
  Function function = Function::k_tanh;
  float alpha = 0, beta = 0;
  float in_scale = 1, out_scale = 1;
  auto operator<=>(const GateActivation&) const = default;
};

/// A layer of recurrent cells over a sequence, in one direction or both. Gates come with their input part computed:
/// gates[t, b, d, g, :] = W_g x[t, b] + biases, so that a gemm did that for all times at once. With H = hidden size, h
/// and c the state of one batch entry, "x_g" that input part, "R_g h" the recurrent part, and P peephole weights:
///
///   rnn   h = f(x + R h)
///   gru   (gates z, r, h)      z = f(x_z + R_z h);  r = f(x_r + R_r h)
///         n = g(x_h + R_h (r*h)), or with linear_before_reset g(x_h + r * (R_h h + hidden_bias))
///         h = (1 - z) * n + z * h
///   lstm  (gates i, o, f, c)   i = f(x_i + R_i h + P_i*c);  f = f(x_f + R_f h + P_f*c), or 1 - i with input_forget
///         c = f*c + i * g(x_c + R_c h);  o = f(x_o + R_o h + P_o*c), with the new c;  h = o * h(c)
///
/// R h is added to x term by term, k ascending, by separate multiplications and additions. `clip` bounds the input of
/// every activation. Sequence b has lengths[b] steps; the reverse direction starts at its last one. y is 0 after the
/// end.
///
/// inputs: gates [time, batch, directions * G * H], recurrence [directions, H, G * H], then, each or absent: lengths
/// [batch] (s32, in [0, time], else kInvalidArgument), initial_h [directions, batch, H], initial_c (the same; lstm),
/// peepholes [directions, 3 * H] (i, o, f; lstm), hidden_bias [directions, H] (gru with linear_before_reset).
/// outputs, each or absent: y [time, directions, batch, H], last_h [directions, batch, H], last_c (the same; lstm).
/// All f32 but the lengths; contiguous along the last dimension. G is 1, 3, 4.
struct RecurrentDesc {
  RecurrentKind kind = RecurrentKind::kRnn;
  int directions = 1;
  bool reverse = false;  ///< of a single direction
  bool linear_before_reset = false;
  bool input_forget = false;
  float clip = 0;                               ///< 0: none
  std::array<GateActivation, 6> activations{};  ///< f, g, h of each direction, as far as the kind has them
  auto operator<=>(const RecurrentDesc&) const = default;

  int gates() const { return kind == RecurrentKind::kRnn ? 1 : kind == RecurrentKind::kGru ? 3 : 4; }
  int activations_per_direction() const {
    return kind == RecurrentKind::kRnn ? 1 : kind == RecurrentKind::kGru ? 2 : 3;
  }
};

/// Operands beyond the two that must be there.
enum RecurrentInput : std::size_t {
  kGatesInput,
  kRecurrenceInput,
  kLengthsInput,
  kInitialHInput,
  kInitialCInput,
  kPeepholesInput,
  kHiddenBiasInput,
  kRecurrentInputs
};

Status check(const RecurrentDesc& desc, Views inputs, Views outputs);

/// One sequence in one direction is a unit; units are independent.
int64_t recurrent_units(const RecurrentDesc& desc, const TensorView& gates);
/// Floats of private memory that running a unit takes.
int64_t recurrent_scratch(const RecurrentDesc& desc, const TensorView& recurrence);
Status recurrent_unit(const RecurrentDesc& desc, Views inputs, Views outputs, int64_t unit, float* scratch);

/// All units.
Status recurrent(const RecurrentDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
