#pragma once
#include <oneapi/dnnl/dnnl.hpp>

namespace tegula::perf {

// Creation of primitives in the interfaces of oneDNN 2 and 3.

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

#endif

}  // namespace tegula::perf
