#pragma once
#include <string>
#include <vector>

namespace tegula::compiler {

/// The first output of a model in ONNX's text, run by the reference interpreter on random inputs that are the same for
/// the same signature: fp32 normal, u8 and s8 of the whole range, other integers 0 or 1. Empty after a test failure.
std::vector<double> run_model(const std::string& graph, int opset);

/// Two bodies over the same inputs give the same y, within the rounding of a handful of fp32 operations.
void expect_same(const std::string& signature, const std::string& composed, const std::string& spelled_out,
                 int opset = 21);

/// The same of quantized results: no element differs by more than `steps`.
void expect_same_quantized(const std::string& signature, const std::string& composed, const std::string& spelled_out,
                           int steps, int opset = 21);

}  // namespace tegula::compiler
