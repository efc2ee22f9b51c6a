#include "kernels/recurrent/recurrent.h"

#include <algorithm>
#include <vector>

#include "kernels/math/math.h"

namespace tegula::kernels {
namespace {

constexpr std::string_view kName = "recurrent";

/// sums[j] += sum over k of x[k] * weights[k * stride + j], k ascending, for each j < n.
void add_product(const float* x, const float* weights, int64_t stride, int64_t k_count, int64_t n,
                 float* __restrict sums) {
  int64_t k = 0;
  for (; k + 4 <= k_count; k += 4) {
    const float *w0 = weights + k * stride, *w1 = w0 + stride, *w2 = w1 + stride, *w3 = w2 + stride;
    const float x0 = x[k], x1 = x[k + 1], x2 = x[k + 2], x3 = x[k + 3];
    for (int64_t j = 0; j < n; ++j) {
      float sum = sums[j];
      sum += x0 * w0[j];
      sum += x1 * w1[j];
      sum += x2 * w2[j];
      sum += x3 * w3[j];
      sums[j] = sum;
    }
  }
  for (; k < k_count; ++k)
    for (int64_t j = 0; j < n; ++j) sums[j] += x[k] * weights[k * stride + j];
}

float activate(const GateActivation& activation, float clip, float x) {
  if (clip > 0) x = std::min(std::max(x, -clip), clip);
  return activation.out_scale *
         math::apply(activation.function, activation.in_scale * x, activation.alpha, activation.beta);
}

/// One sequence in one direction: the state and the working memory, all in scratch.
class Sequence {
 public:
  Sequence(const RecurrentDesc& desc, Views inputs, Views outputs, int64_t unit, float* scratch)
      : desc_(desc),
        inputs_(inputs),
        outputs_(outputs),
        batch_size_(inputs[kGatesInput].dims[1]),
        direction_(unit / batch_size_),
        batch_(unit % batch_size_),
        hidden_(inputs[kRecurrenceInput].dims[1]),
        weights_(at(inputs[kRecurrenceInput], direction_)),
        weights_stride_(inputs[kRecurrenceInput].strides[1]),
        activations_(desc.activations.data() + direction_ * desc.activations_per_direction()),
        gates_(scratch),
        h_(gates_ + desc.gates() * hidden_),
        c_(h_ + hidden_),
        spare_(c_ + hidden_) {}

  Status run() {
    const TensorView& gates = inputs_[kGatesInput];
    const int64_t time = gates.dims[0];
    int64_t length = time;
    if (present(inputs_, kLengthsInput))
      length = index_at(inputs_[kLengthsInput], batch_ * inputs_[kLengthsInput].strides[0]);
    if (length < 0 || length > time) return plain_error(kName, concat("length ", length, " for a sequence of ", time));

    load_state(kInitialHInput, h_);
    load_state(kInitialCInput, c_);
    const bool backwards = desc_.directions == 2 ? direction_ == 1 : desc_.reverse;
    const int64_t width = desc_.gates() * hidden_;
    for (int64_t i = 0; i < length; ++i) {
      const int64_t t = backwards ? length - 1 - i : i;
      const float* const x = gates.as<float>() + t * gates.strides[0] + batch_ * gates.strides[1] + direction_ * width;
      std::copy_n(x, width, gates_);
      switch (desc_.kind) {
        case RecurrentKind::kRnn: step_rnn(); break;
        case RecurrentKind::kGru: step_gru(); break;
        case RecurrentKind::kLstm: step_lstm(); break;
      }
      if (present(outputs_, 0)) std::copy_n(h_, hidden_, output_at(t));
    }
    if (present(outputs_, 0))
      for (int64_t t = length; t < time; ++t) std::fill_n(output_at(t), hidden_, 0.0f);
    store_state(1, h_);
    store_state(2, c_);
    return {};
  }

 private:
  static const float* at(const TensorView& view, int64_t first) { return view.as<float>() + first * view.strides[0]; }

  float* output_at(int64_t t) const {
    const TensorView& y = outputs_[0];
    return y.as<float>() + t * y.strides[0] + direction_ * y.strides[1] + batch_ * y.strides[2];
  }

  void load_state(std::size_t input, float* state) const {
    if (!present(inputs_, input)) {
      std::fill_n(state, hidden_, 0.0f);
      return;
    }
    std::copy_n(at(inputs_[input], direction_) + batch_ * inputs_[input].strides[1], hidden_, state);
  }

  void store_state(std::size_t output, const float* state) const {
    if (!present(outputs_, output)) return;
    const TensorView& view = outputs_[output];
    std::copy_n(state, hidden_, view.as<float>() + direction_ * view.strides[0] + batch_ * view.strides[1]);
  }

  float f(float x) const { return activate(activations_[0], desc_.clip, x); }
  float g(float x) const { return activate(activations_[1], desc_.clip, x); }
  float h(float x) const { return activate(activations_[2], desc_.clip, x); }

  void step_rnn() {
    add_product(h_, weights_, weights_stride_, hidden_, hidden_, gates_);
    for (int64_t j = 0; j < hidden_; ++j) h_[j] = f(gates_[j]);
  }

  void step_gru() {
    float *const z = gates_, *const r = gates_ + hidden_, *const n = r + hidden_;
    add_product(h_, weights_, weights_stride_, hidden_, 2 * hidden_, z);
    for (int64_t j = 0; j < hidden_; ++j) {
      z[j] = f(z[j]);
      r[j] = f(r[j]);
    }
    const float* const weights = weights_ + 2 * hidden_;
    if (desc_.linear_before_reset) {
      if (present(inputs_, kHiddenBiasInput))
        std::copy_n(at(inputs_[kHiddenBiasInput], direction_), hidden_, spare_);
      else
        std::fill_n(spare_, hidden_, 0.0f);
      add_product(h_, weights, weights_stride_, hidden_, hidden_, spare_);
      for (int64_t j = 0; j < hidden_; ++j) n[j] = g(n[j] + r[j] * spare_[j]);
    } else {
      for (int64_t j = 0; j < hidden_; ++j) spare_[j] = r[j] * h_[j];
      add_product(spare_, weights, weights_stride_, hidden_, hidden_, n);
      for (int64_t j = 0; j < hidden_; ++j) n[j] = g(n[j]);
    }
    for (int64_t j = 0; j < hidden_; ++j) h_[j] = (1.0f - z[j]) * n[j] + z[j] * h_[j];
  }

  void step_lstm() {
    float *const i = gates_, *const o = i + hidden_, *const forget = o + hidden_, *const cell = forget + hidden_;
    add_product(h_, weights_, weights_stride_, hidden_, 4 * hidden_, i);
    const float* const p = present(inputs_, kPeepholesInput) ? at(inputs_[kPeepholesInput], direction_) : nullptr;
    for (int64_t j = 0; j < hidden_; ++j) {
      i[j] = f(p != nullptr ? i[j] + p[j] * c_[j] : i[j]);
      forget[j] =
          desc_.input_forget ? 1.0f - i[j] : f(p != nullptr ? forget[j] + p[2 * hidden_ + j] * c_[j] : forget[j]);
      c_[j] = forget[j] * c_[j] + i[j] * g(cell[j]);
      o[j] = f(p != nullptr ? o[j] + p[hidden_ + j] * c_[j] : o[j]);
      h_[j] = o[j] * h(c_[j]);
    }
  }

  const RecurrentDesc& desc_;
  Views inputs_, outputs_;
  int64_t batch_size_, direction_, batch_, hidden_;
  const float* weights_;
  int64_t weights_stride_;
  const GateActivation* activations_;
  float *gates_, *h_, *c_, *spare_;
};

Status check_operand(Views views, std::size_t i, std::string_view what, std::initializer_list<int64_t> dims) {
  if (!present(views, i)) return {};
  const TensorView& view = views[i];
  if (view.dtype != DType::kF32) return plain_error(kName, concat(what, " must be f32"));
  if (!std::equal(dims.begin(), dims.end(), view.dims.begin(), view.dims.begin() + view.rank))
    return plain_error(kName, concat(what, " of ", to_string(view.shape()), "; ",
                                     to_string(std::span(dims.begin(), dims.size())), " expected"));
  if (view.dims[view.rank - 1] > 1 && view.strides[view.rank - 1] != 1)
    return plain_error(kName, concat(what, " must be contiguous along its last dimension"));
  return {};
}

bool is_gate_function(Function function) {
  switch (function) {
    case Function::k_affine:
    case Function::k_elu:
    case Function::k_hard_sigmoid:
    case Function::k_leaky_relu:
    case Function::k_relu:
    case Function::k_sigmoid:
    case Function::k_softplus:
    case Function::k_softsign:
    case Function::k_tanh:
    case Function::k_thresholded_relu: return true;
    default: return false;
  }
}

}  // namespace

Status check(const RecurrentDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 2, kRecurrentInputs, outputs, 0, 3));
  if (desc.kind > RecurrentKind::kLstm || desc.directions < 1 || desc.directions > 2)
    return plain_error(kName, "unknown kind or directions");
  for (int i = 0; i < desc.directions * desc.activations_per_direction(); ++i)
    if (!is_gate_function(desc.activations[static_cast<std::size_t>(i)].function))
      return plain_error(kName, "a function that is no activation of gates");
  const TensorView &gates = inputs[kGatesInput], &recurrence = inputs[kRecurrenceInput];
  if (gates.rank != 3 || recurrence.rank != 3)
    return plain_error(kName, "gates and recurrence must have three dimensions");
  const int64_t time = gates.dims[0], batch = gates.dims[1], hidden = recurrence.dims[1], directions = desc.directions;
  if (hidden < 1 || hidden > INT32_MAX) return plain_error(kName, "the hidden size is out of range");
  TEGULA_RETURN_IF_ERROR(
      check_operand(inputs, kGatesInput, "gates", {time, batch, directions * desc.gates() * hidden}));
  TEGULA_RETURN_IF_ERROR(
      check_operand(inputs, kRecurrenceInput, "recurrence", {directions, hidden, desc.gates() * hidden}));
  if (present(inputs, kLengthsInput)) {
    const TensorView& lengths = inputs[kLengthsInput];
    if (lengths.dtype != DType::kS32 || lengths.rank != 1 || lengths.dims[0] != batch)
      return plain_error(kName, "lengths must be s32, one for each batch entry");
  }
  TEGULA_RETURN_IF_ERROR(check_operand(inputs, kInitialHInput, "initial_h", {directions, batch, hidden}));
  TEGULA_RETURN_IF_ERROR(check_operand(inputs, kInitialCInput, "initial_c", {directions, batch, hidden}));
  TEGULA_RETURN_IF_ERROR(check_operand(inputs, kPeepholesInput, "peepholes", {directions, 3 * hidden}));
  TEGULA_RETURN_IF_ERROR(check_operand(inputs, kHiddenBiasInput, "hidden_bias", {directions, hidden}));
  TEGULA_RETURN_IF_ERROR(check_operand(outputs, 0, "y", {time, directions, batch, hidden}));
  TEGULA_RETURN_IF_ERROR(check_operand(outputs, 1, "last_h", {directions, batch, hidden}));
  TEGULA_RETURN_IF_ERROR(check_operand(outputs, 2, "last_c", {directions, batch, hidden}));
  return {};
}

int64_t recurrent_units(const RecurrentDesc& desc, const TensorView& gates) {
  return desc.directions * gates.dims[1];
}

int64_t recurrent_scratch(const RecurrentDesc& desc, const TensorView& recurrence) {
  return (desc.gates() + 3) * recurrence.dims[1];
}

Status recurrent_unit(const RecurrentDesc& desc, Views inputs, Views outputs, int64_t unit, float* scratch) {
  return Sequence(desc, inputs, outputs, unit, scratch).run();
}

Status recurrent(const RecurrentDesc& desc, Views inputs, Views outputs) {
  std::vector<float> scratch(static_cast<std::size_t>(recurrent_scratch(desc, inputs[kRecurrenceInput])));
  for (int64_t unit = 0; unit < recurrent_units(desc, inputs[kGatesInput]); ++unit)
    TEGULA_RETURN_IF_ERROR(recurrent_unit(desc, inputs, outputs, unit, scratch.data()));
  return {};
}

}  // namespace tegula::kernels
