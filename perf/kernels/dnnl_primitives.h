#pragma once
#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

namespace tegula::perf {

// Creation of primitives in the interfaces of oneDNN 2 and 3.

using DnnlArguments = std::unordered_map<int, dnnl::memory>;

/// What an integer product is multiplied with: a number for each of `channels`, and one for the result behind the
/// post-ops where `result`. The masks say which dimension of the weights, or of dst, has the channels.
struct DnnlScales {
  int64_t channels = 1;
  int weights_mask = 0, dst_mask = 0;
  bool result = false;
};

struct DnnlConv {
  dnnl::memory::desc src, weights, bias, dst;
  dnnl::memory::dims strides, pads_begin, pads_end;
};

#if DNNL_VERSION_MAJOR >= 3

inline dnnl::matmul::primitive_desc describe_matmul(const dnnl::engine& engine, const dnnl::memory::desc& src,
                                                    const dnnl::memory::desc& weights, const dnnl::memory::desc* bias,
                                                    const dnnl::memory::desc& dst, const dnnl::primitive_attr& attr) {
  if (bias != nullptr) return {engine, src, weights, *bias, dst, attr};
  return {engine, src, weights, dst, attr};
}

inline dnnl::convolution_forward::primitive_desc describe_conv(const dnnl::engine& engine, const DnnlConv& conv,
                                                               bool bias, const dnnl::primitive_attr& attr) {
  constexpr auto kind = dnnl::prop_kind::forward_inference;
  constexpr auto algorithm = dnnl::algorithm::convolution_direct;
  if (bias)
    return {engine,   kind,         algorithm,       conv.src,      conv.weights, conv.bias,
            conv.dst, conv.strides, conv.pads_begin, conv.pads_end, attr};
  return {engine,   kind,         algorithm,       conv.src,      conv.weights,
          conv.dst, conv.strides, conv.pads_begin, conv.pads_end, attr};
}

inline void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta) {
  ops.append_eltwise(algorithm, alpha, beta);
}

/// The type of the bias of an integer product: behind the scales.
constexpr auto kDnnlIntegerBias = dnnl::memory::data_type::f32;

inline void set_scales(const DnnlScales& scales, const dnnl::engine& engine, dnnl::primitive_attr& attr,
                       dnnl::post_ops&, DnnlArguments& arguments) {
  const auto set = [&](int argument, int mask, int64_t count) {
    attr.set_scales_mask(argument, mask);
    dnnl::memory numbers({{count}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a}, engine);
    std::fill_n(static_cast<float*>(numbers.get_data_handle()), count, 0.01f);
    arguments.insert_or_assign(DNNL_ARG_ATTR_SCALES | argument, numbers);
  };
  set(DNNL_ARG_WEIGHTS, scales.weights_mask, scales.channels);
  if (scales.result) set(DNNL_ARG_DST, 0, 1);
}

#else

inline dnnl::matmul::primitive_desc describe_matmul(const dnnl::engine& engine, const dnnl::memory::desc& src,
                                                    const dnnl::memory::desc& weights, const dnnl::memory::desc* bias,
                                                    const dnnl::memory::desc& dst, const dnnl::primitive_attr& attr) {
  if (bias != nullptr) return {dnnl::matmul::desc(src, weights, *bias, dst), attr, engine};
  return {dnnl::matmul::desc(src, weights, dst), attr, engine};
}

inline dnnl::convolution_forward::primitive_desc describe_conv(const dnnl::engine& engine, const DnnlConv& conv,
                                                               bool bias, const dnnl::primitive_attr& attr) {
  constexpr auto kind = dnnl::prop_kind::forward_inference;
  constexpr auto algorithm = dnnl::algorithm::convolution_direct;
  using Desc = dnnl::convolution_forward::desc;
  if (bias)
    return {Desc(kind, algorithm, conv.src, conv.weights, conv.bias, conv.dst, conv.strides, conv.pads_begin,
                 conv.pads_end),
            attr, engine};
  return {Desc(kind, algorithm, conv.src, conv.weights, conv.dst, conv.strides, conv.pads_begin, conv.pads_end), attr,
          engine};
}

inline void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta) {
  ops.append_eltwise(1.0f, algorithm, alpha, beta);
}

/// The type of the bias of an integer product: part of the sum.
constexpr auto kDnnlIntegerBias = dnnl::memory::data_type::s32;

inline void set_scales(const DnnlScales& scales, const dnnl::engine&, dnnl::primitive_attr& attr, dnnl::post_ops& ops,
                       DnnlArguments&) {
  attr.set_output_scales(scales.dst_mask, std::vector<float>(static_cast<std::size_t>(scales.channels), 0.01f));
  if (scales.result) append_eltwise(ops, dnnl::algorithm::eltwise_linear, 100.0f, 0);
}

#endif

}  // namespace tegula::perf
