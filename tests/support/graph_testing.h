#pragma once
// What tests of passes are written with: graphs as text (compiler/graph/README.md) in and out.
#include <iosfwd>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// A graph for comparison. Intermediate values and constants are numbered in order, so that only structure, types, the
/// names of inputs and outputs, and elements count; constraints and origins do not. Equal to a text that reads as the
/// same graph:
///
///   EXPECT_EQ(after(fuse_conv_activation, R"(
///       c = conv(%x:f32[1,3,8,8], %w:f32[4,3,3,3]=random(1)) {kernel=[3,3]}
///       y = relu(c)
///       return y)"), R"(
///       y = conv(%x:f32[1,3,8,8], %w:f32[4,3,3,3]=random(1)) {kernel=[3,3], post_ops=[relu]}
///       return y)");
class GraphText {
 public:
  explicit GraphText(const Graph& graph);
  explicit GraphText(std::string_view text);

  const std::string& text() const { return text_; }
  friend bool operator==(const GraphText& a, const GraphText& b) { return a.text_ == b.text_; }
  friend bool operator==(const GraphText& a, std::string_view b) { return a == GraphText(b); }
  friend std::ostream& operator<<(std::ostream& out, const GraphText& graph);

 private:
  std::string text_;
};

using Pass = Result<bool> (*)(Graph& graph);

/// The graph of `text` after the pass. Fails the test when the text cannot be read, the pass fails, the graph does not
/// verify before or after, or the pass's answer whether it changed something is wrong.
GraphText after(Pass pass, std::string_view text);

/// The pass leaves the graph of `text` as it is, and says so.
void expect_unchanged(Pass pass, std::string_view text, std::source_location where = std::source_location::current());

/// `text` with `to` in place of every `from`: for graphs that differ from another one by what a test is about.
std::string changed(std::string_view text, std::string_view from, std::string_view to);

/// Runs the graph of `text` before and after the pass on random inputs (each symbol is 3) with plain loops, and expects
/// the same outputs: integers exactly, floats up to `tolerance` times the largest absolute value of the output.
void expect_same_values(Pass pass, std::string_view text, double tolerance = 1e-5);

/// Gives every symbol of the graph's inputs the value 3, and makes random elements for the inputs.
std::vector<Literal> bind_and_fill(Graph& graph);

/// Integers are the same, floats differ by at most `tolerance` times the largest absolute value of the tensor; NaN
/// equals NaN. `what` says which tensor in the failure.
void expect_close(const Literal& actual, const Literal& expected, double tolerance, const std::string& what);

/// The graph of `text`; fails the test and gives an empty graph when it cannot be read or does not verify.
Graph graph_of(std::string_view text);

}  // namespace tegula::compiler
