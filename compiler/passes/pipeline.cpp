#include "compiler/passes/canonicalise.h"
#include "compiler/passes/eliminate_shape_subgraphs.h"
#include "compiler/passes/expand_conv_transpose.h"
#include "compiler/passes/explain_conversions.h"
#include "compiler/passes/fold_activation_products.h"
#include "compiler/passes/fold_affine_after_gemm.h"
#include "compiler/passes/fold_affine_before_gemm.h"
#include "compiler/passes/fold_constants.h"
#include "compiler/passes/fold_quantization.h"
#include "compiler/passes/fold_transposes_into_matmul.h"
#include "compiler/passes/fold_weight_only.h"
#include "compiler/passes/fuse_attention.h"
#include "compiler/passes/fuse_elementwise_chains.h"
#include "compiler/passes/fuse_pad.h"
#include "compiler/passes/fuse_post_ops.h"
#include "compiler/passes/fuse_residual_into_layer_norm.h"
#include "compiler/passes/fuse_softmax_mask.h"
#include "compiler/passes/make_activations_unsigned.h"
#include "compiler/passes/make_channels_last.h"
#include "compiler/passes/merge_duplicates.h"
#include "compiler/passes/merge_projections.h"
#include "compiler/passes/move_quantization.h"
#include "compiler/passes/pass.h"
#include "compiler/passes/push_reshapes.h"
#include "compiler/passes/push_transposes.h"
#include "compiler/passes/quantize_averages.h"
#include "compiler/passes/quantize_results.h"
#include "compiler/passes/recognise_activations.h"
#include "compiler/passes/recognise_integer_products.h"
#include "compiler/passes/recognise_layer_norm.h"
#include "compiler/passes/recognise_softmax.h"
#include "compiler/passes/remove_dead.h"
#include "compiler/passes/round_before_residual.h"
#include "compiler/passes/simplify_shapes.h"

namespace tegula::compiler {
namespace {

// A row: the pass, and whether lowering depends on it.
#define TEGULA_PASS(name) \
  PassRow {               \
    #name, name, false    \
  }
#define TEGULA_REQUIRED_PASS(name) \
  PassRow {                        \
    #name, name, true              \
  }
// A pass that runs again, under a name that says what for.
#define TEGULA_PASS_AGAIN(name, pass) \
  PassRow {                           \
    #name, pass, false                \
  }

// A pass that only some compilations have; PassOptions holds it.
#define TEGULA_CHOSEN_PASS(name)               \
  PassRow {                                    \
    #name, nullptr, false, &PassOptions::name  \
  }

// A row and its reason stand on one line.
// clang-format off
constexpr PassRow kPipeline[] = {
    TEGULA_REQUIRED_PASS(eliminate_shape_subgraphs),  // first: what only computes shapes is no work for other passes
    TEGULA_CHOSEN_PASS(drop_quantization),  // before anything relies on it
    TEGULA_PASS(fold_constants),            // the passes below look for literal weights and bounds
    TEGULA_PASS(canonicalise),              // one spelling of elementwise nodes, for all patterns below
    TEGULA_PASS(recognise_integer_products),  // before all that products take into themselves
    TEGULA_PASS(simplify_shapes),           // reshapes without effect stand between what patterns want to see together
    TEGULA_PASS(merge_duplicates),          // patterns bind one value where exporters compute it twice
    TEGULA_PASS(fuse_pad),                  // before the layout changes, which puts a transpose between pad and conv
    TEGULA_PASS(make_activations_unsigned), // integer products read u8
    TEGULA_PASS(move_quantization),         // what only places elements does it with the quantized ones

    // The layout comes before the fusions: then channels are the last dimension everywhere, and no transpose stands
    // between a node and the one that it is fused with.
    TEGULA_REQUIRED_PASS(make_channels_last),
    TEGULA_PASS(push_transposes),           // behind the pass that makes them
    TEGULA_PASS_AGAIN(simplify_relaid_shapes, simplify_shapes),  // what is left of one channel or pixel is a reshape
    TEGULA_PASS_AGAIN(merge_transposes, merge_duplicates),       // of one value, for several readers

    TEGULA_PASS(recognise_activations),     // before the fusions, which know the functions by name
    TEGULA_PASS(recognise_softmax),         // before its scale and mask
    TEGULA_PASS(recognise_layer_norm),      // means over channels run over the last dimension by now
    TEGULA_PASS(push_reshapes),             // out of the way of the fusions below
    TEGULA_PASS(fold_affine_after_gemm),    // before post-ops: batch norm and bias stand between a product and those
    TEGULA_PASS(fold_affine_before_gemm),   // what no product before it has taken
    TEGULA_PASS(fuse_softmax_mask),         // before attention, which looks for a softmax between two products
    TEGULA_PASS(fuse_attention),
    TEGULA_PASS_AGAIN(push_head_transposes, push_transposes),  // those of the heads meet now
    TEGULA_PASS_AGAIN(simplify_head_shapes, simplify_shapes),  // and their reshapes
    TEGULA_PASS(merge_projections),         // after attention: only there are slices of the result free
    TEGULA_PASS(expand_conv_transpose),     // its convolution has taken scale and shift; now it takes post-ops
    TEGULA_PASS_AGAIN(move_relaid_quantization, move_quantization),  // what the layout has put between them
    TEGULA_PASS(round_before_residual),     // what stands between a product and a residual add become functions
    TEGULA_PASS(fuse_post_ops),             // when all products are what they will be
    TEGULA_CHOSEN_PASS(quantize),           // with everything that a product does to its result inside of it
    TEGULA_PASS_AGAIN(move_new_quantization, move_quantization),
    TEGULA_PASS(fold_weight_only),          // where that was asked for
    TEGULA_PASS(fold_activation_products),  // before the reasons why others have no constant weights
    TEGULA_PASS(fold_quantization),         // with the post-ops that products have by now
    TEGULA_PASS(quantize_averages),         // behind the layout: channels are last
    TEGULA_PASS(quantize_results),          // what no product and no average has taken
    TEGULA_PASS(fuse_residual_into_layer_norm),                // sums that no product has taken
    TEGULA_PASS(fold_transposes_into_matmul),                  // what no pass above could cancel
    TEGULA_PASS_AGAIN(fold_new_constants, fold_all_constants), // what the passes above have made constant, and quantized
                                                               // weights of products that stay in fp32
    TEGULA_CHOSEN_PASS(assign_bf16),        // every node is what it will be, but for chains: each function has a class
    TEGULA_PASS(fuse_elementwise_chains),   // after all that take elementwise nodes elsewhere
    TEGULA_PASS(explain_conversions),       // those that no chain has taken
    TEGULA_PASS(remove_dead),               // last: the others leave what nobody reads any more
};
// clang-format on

#undef TEGULA_PASS
#undef TEGULA_REQUIRED_PASS
#undef TEGULA_PASS_AGAIN
#undef TEGULA_CHOSEN_PASS

}  // namespace

std::span<const PassRow> pipeline() {
  return kPipeline;
}

}  // namespace tegula::compiler
