// Recurrent layers against their formulas in double, step by step.
#include "kernels/recurrent/recurrent.h"

#include <cmath>
#include <functional>
#include <random>

#include "tests/kernels/plain_kernel.h"

namespace tegula::kernels {
namespace {

using test::Values;
using Vector = std::vector<double>;

constexpr int64_t kTime = 4, kBatch = 3, kHidden = 5;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

/// A layer with random operands, of which those named are present.
struct Layer {
  RecurrentDesc desc;
  bool with_lengths = false, with_state = false, with_peepholes = false, with_hidden_bias = false;

  int64_t width() const { return desc.gates() * kHidden; }

  void fill() {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> uniform(-1, 1);
    const auto some = [&](int64_t count) {
      std::vector<float> values(static_cast<std::size_t>(count));
      for (float& x : values) x = uniform(random);
      return values;
    };
    const int64_t d = desc.directions;
    gates = some(kTime * kBatch * d * width());
    recurrence = some(d * kHidden * width());
    initial_h = some(d * kBatch * kHidden);
    initial_c = some(d * kBatch * kHidden);
    peepholes = some(d * 3 * kHidden);
    hidden_bias = some(d * kHidden);
    const Function functions[] = {Function::k_sigmoid, Function::k_tanh, Function::k_tanh};
    for (int i = 0; i < d * desc.activations_per_direction(); ++i)
      desc.activations[static_cast<std::size_t>(i)].function =
          desc.kind == RecurrentKind::kRnn ? Function::k_tanh : functions[i % desc.activations_per_direction()];
  }

  std::vector<int32_t> lengths = {4, 0, 2};
  std::vector<float> gates{}, recurrence{}, initial_h{}, initial_c{}, peepholes{}, hidden_bias{};
};

struct Outputs {
  std::vector<float> y, h, c;
};

Outputs run(Layer& layer) {
  const int64_t d = layer.desc.directions;
  Values<float> gates({kTime, kBatch, d * layer.width()}, layer.gates);
  Values<float> recurrence({d, kHidden, layer.width()}, layer.recurrence);
  Values<int32_t> lengths({kBatch}, layer.lengths);
  Values<float> h({d, kBatch, kHidden}, layer.initial_h), c({d, kBatch, kHidden}, layer.initial_c);
  Values<float> peepholes({d, 3 * kHidden}, layer.peepholes), bias({d, kHidden}, layer.hidden_bias);
  Values<float> y({kTime, d, kBatch, kHidden}), last_h({d, kBatch, kHidden}), last_c({d, kBatch, kHidden});
  const auto maybe = [](bool present, const TensorView& view) { return present ? view : TensorView(); };
  const bool lstm = layer.desc.kind == RecurrentKind::kLstm;
  expect_runs(recurrent, layer.desc,
              {gates.view(), recurrence.view(), maybe(layer.with_lengths, lengths.view()),
               maybe(layer.with_state, h.view()), maybe(layer.with_state && lstm, c.view()),
               maybe(layer.with_peepholes, peepholes.view()), maybe(layer.with_hidden_bias, bias.view())},
              {y.view(), last_h.view(), maybe(lstm, last_c.view())});
  return {y.values(), last_h.values(), last_c.values()};
}

/// One step of one sequence, as the header has it.
void step(const Layer& layer, int64_t d, const float* x, Vector& h, Vector& c) {
  const auto recurrent_part = [&](int64_t gate, int64_t j, const Vector& state) {
    double sum = 0;
    for (int64_t k = 0; k < kHidden; ++k)
      sum += state[static_cast<std::size_t>(k)] *
             static_cast<double>(
                 layer.recurrence[static_cast<std::size_t>((d * kHidden + k) * layer.width() + gate * kHidden + j)]);
    return sum;
  };
  const double limit = layer.desc.clip > 0 ? layer.desc.clip : 1e30;
  const auto clipped = [&](double v) { return std::min(std::max(v, -limit), limit); };
  const auto input = [&](int64_t gate, int64_t j) { return static_cast<double>(x[gate * kHidden + j]); };
  const auto peephole = [&](int64_t which, int64_t j) {
    return layer.with_peepholes
               ? static_cast<double>(layer.peepholes[static_cast<std::size_t>((d * 3 + which) * kHidden + j)])
               : 0;
  };
  const Vector old_h = h, old_c = c;
  Vector reset(static_cast<std::size_t>(kHidden));
  for (int64_t j = 0; j < kHidden; ++j)
    if (layer.desc.kind == RecurrentKind::kGru)
      reset[static_cast<std::size_t>(j)] = sigmoid(clipped(input(1, j) + recurrent_part(1, j, old_h)));
  Vector scaled = old_h;
  for (std::size_t j = 0; j < scaled.size(); ++j) scaled[j] *= reset[j];
  for (int64_t j = 0; j < kHidden; ++j) {
    const auto u = static_cast<std::size_t>(j);
    switch (layer.desc.kind) {
      case RecurrentKind::kRnn: h[u] = std::tanh(clipped(input(0, j) + recurrent_part(0, j, old_h))); break;
      case RecurrentKind::kGru: {
        const double z = sigmoid(clipped(input(0, j) + recurrent_part(0, j, old_h)));
        const double bias = layer.with_hidden_bias
                                ? static_cast<double>(layer.hidden_bias[static_cast<std::size_t>(d * kHidden + j)])
                                : 0;
        const double n = std::tanh(clipped(layer.desc.linear_before_reset
                                               ? input(2, j) + reset[u] * (recurrent_part(2, j, old_h) + bias)
                                               : input(2, j) + recurrent_part(2, j, scaled)));
        h[u] = (1 - z) * n + z * old_h[u];
        break;
      }
      case RecurrentKind::kLstm: {
        const double i = sigmoid(clipped(input(0, j) + recurrent_part(0, j, old_h) + peephole(0, j) * old_c[u]));
        const double f = layer.desc.input_forget
                             ? 1 - i
                             : sigmoid(clipped(input(2, j) + recurrent_part(2, j, old_h) + peephole(2, j) * old_c[u]));
        c[u] = f * old_c[u] + i * std::tanh(clipped(input(3, j) + recurrent_part(3, j, old_h)));
        const double o = sigmoid(clipped(input(1, j) + recurrent_part(1, j, old_h) + peephole(1, j) * c[u]));
        h[u] = o * std::tanh(clipped(c[u]));
        break;
      }
    }
  }
}

void expect_formulas(Layer layer) {
  layer.fill();
  const Outputs got = run(layer);
  const int64_t directions = layer.desc.directions;
  // Each step adds a handful of roundings of numbers below 8, and errors shrink through the activations.
  constexpr double kBound = kTime * (kHidden + 8) * 8 * 0x1p-24;
  for (int64_t d = 0; d < directions; ++d)
    for (int64_t b = 0; b < kBatch; ++b) {
      const auto state_at = (d * kBatch + b) * kHidden;
      Vector h(kHidden), c(kHidden);
      for (int64_t j = 0; j < kHidden && layer.with_state; ++j) {
        h[static_cast<std::size_t>(j)] = static_cast<double>(layer.initial_h[static_cast<std::size_t>(state_at + j)]);
        c[static_cast<std::size_t>(j)] = static_cast<double>(layer.initial_c[static_cast<std::size_t>(state_at + j)]);
      }
      const int64_t length = layer.with_lengths ? layer.lengths[static_cast<std::size_t>(b)] : kTime;
      const bool backwards = directions == 2 ? d == 1 : layer.desc.reverse;
      for (int64_t i = 0; i < kTime; ++i) {
        const int64_t t = i >= length ? i : backwards ? length - 1 - i : i;
        if (i < length) step(layer, d, layer.gates.data() + ((t * kBatch + b) * directions + d) * layer.width(), h, c);
        for (int64_t j = 0; j < kHidden; ++j)
          EXPECT_NEAR(got.y[static_cast<std::size_t>(((t * directions + d) * kBatch + b) * kHidden + j)],
                      i < length ? h[static_cast<std::size_t>(j)] : 0, kBound)
              << "direction " << d << ", sequence " << b << ", time " << t << ", unit " << j;
      }
      for (int64_t j = 0; j < kHidden; ++j) {
        EXPECT_NEAR(got.h[static_cast<std::size_t>(state_at + j)], h[static_cast<std::size_t>(j)], kBound);
        if (layer.desc.kind == RecurrentKind::kLstm) {
          EXPECT_NEAR(got.c[static_cast<std::size_t>(state_at + j)], c[static_cast<std::size_t>(j)], kBound);
        }
      }
    }
}

TEST(Recurrent, Rnn) {
  expect_formulas({.desc = {.kind = RecurrentKind::kRnn}});
  expect_formulas({.desc = {.kind = RecurrentKind::kRnn, .reverse = true, .clip = 0.5f}, .with_lengths = true});
}

TEST(Recurrent, Gru) {
  for (const bool after : {false, true}) {
    expect_formulas({.desc = {.kind = RecurrentKind::kGru, .linear_before_reset = after}});
    expect_formulas({.desc = {.kind = RecurrentKind::kGru, .directions = 2, .linear_before_reset = after},
                     .with_lengths = true,
                     .with_state = true,
                     .with_hidden_bias = after});
  }
}

TEST(Recurrent, Lstm) {
  expect_formulas({.desc = {.kind = RecurrentKind::kLstm}});
  expect_formulas({.desc = {.kind = RecurrentKind::kLstm, .directions = 2},
                   .with_lengths = true,
                   .with_state = true,
                   .with_peepholes = true});
  expect_formulas({.desc = {.kind = RecurrentKind::kLstm, .reverse = true, .input_forget = true, .clip = 0.4f},
                   .with_state = true});
}

TEST(Recurrent, ScalesActivations) {
  RecurrentDesc desc;
  desc.activations[0] = {Function::k_tanh, 0, 0, 0.5f, 2.0f};
  Values<float> gates({1, 1, 1}, {1}), recurrence({1, 1, 1}, {0}), y({1, 1, 1, 1});
  expect_runs(recurrent, desc, {gates.view(), recurrence.view()}, {y.view()});
  EXPECT_NEAR(y.values()[0], 2 * std::tanh(0.5), 1e-6);
}

TEST(Recurrent, RefusesWhatDoesNotFit) {
  RecurrentDesc desc;
  desc.kind = RecurrentKind::kLstm;
  for (GateActivation& activation : desc.activations) activation.function = Function::k_tanh;
  Values<float> gates({2, 1, 8}), recurrence({1, 2, 8}), wrong({1, 2, 6}), y({2, 1, 1, 2});
  const std::vector<TensorView> outputs = {y.view()};
  EXPECT_TRUE(check(desc, std::vector{gates.view(), recurrence.view()}, outputs).ok());
  EXPECT_FALSE(check(desc, std::vector{gates.view(), wrong.view()}, outputs).ok());
  desc.directions = 2;
  EXPECT_FALSE(check(desc, std::vector{gates.view(), recurrence.view()}, outputs).ok());
  desc.directions = 1;
  desc.activations[1].function = Function::k_add;
  EXPECT_FALSE(check(desc, std::vector{gates.view(), recurrence.view()}, outputs).ok());
  desc.activations[1].function = Function::k_tanh;
  Values<int32_t> lengths({1}, {3});
  EXPECT_FALSE(run_plain(recurrent, desc, {gates.view(), recurrence.view(), lengths.view()}, outputs).ok());
}

}  // namespace
}  // namespace tegula::kernels
