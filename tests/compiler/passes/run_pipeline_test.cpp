#include <gtest/gtest.h>

#include <algorithm>

#include "compiler/passes/pass.h"
#include "compiler/passes/remove_dead.h"

namespace tegula::compiler {
namespace {

Graph small_graph() {
  auto graph = parse("c = neg(%x:f32[2])\nunread = abs(c)\ny = relu(c)\nreturn y");
  EXPECT_TRUE(graph.ok());
  return *std::move(graph);
}

Result<bool> do_nothing(Graph&) {
  return false;
}
Result<bool> break_types(Graph& graph) {
  graph.find_value("c")->shape = {3};
  return true;
}
Result<bool> fail_a_check(Graph&) {
  TEGULA_CHECK(false, "on purpose");
  return true;
}

constexpr PassRow kRows[] = {{"do_nothing", do_nothing, true}, {"remove_dead", remove_dead, false}};

TEST(RunPasses, ReportsWhatEachPassDid) {
  Graph graph = small_graph();
  const auto reports = run_passes(kRows, graph, {});
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  ASSERT_EQ(reports->size(), 2u);
  EXPECT_FALSE((*reports)[0].changed);
  EXPECT_TRUE((*reports)[1].changed);
  EXPECT_EQ((*reports)[1].nodes_before, 3);
  EXPECT_EQ((*reports)[1].nodes_after, 2);
}

TEST(RunPasses, SkipsWhatIsDisabled) {
  Graph graph = small_graph();
  const auto reports = run_passes(kRows, graph, {.disabled = {"remove_dead"}, .dump_after = {}, .dump = {}});
  ASSERT_TRUE(reports.ok());
  EXPECT_TRUE((*reports)[1].disabled);
  EXPECT_EQ(graph.nodes().size(), 3u);
}

TEST(RunPasses, RefusesNamesItDoesNotKnow) {
  Graph graph = small_graph();
  const auto message = [&](const PassOptions& options) {
    const auto reports = run_passes(kRows, graph, options);
    return reports.ok() ? "accepted" : reports.error().message;
  };
  EXPECT_EQ(message({.disabled = {"nothing"}, .dump_after = {}, .dump = {}}),
            "there is no pass 'nothing'; --print-passes lists them");
  EXPECT_EQ(message({.disabled = {"do_nothing"}, .dump_after = {}, .dump = {}}),
            "pass 'do_nothing' cannot be disabled: the program cannot be written without it");
  EXPECT_EQ(message({.disabled = {}, .dump_after = {"nothing"}, .dump = {}}),
            "there is no pass 'nothing'; --print-passes lists them");
}

TEST(RunPasses, DumpsAfterThePassesThatWereAskedFor) {
  Graph graph = small_graph();
  std::string dumped;
  PassOptions options;
  options.dump = [&](std::string_view pass, const std::string& text) {
    dumped += std::string(pass) + (text.find("unread") == std::string::npos ? " without; " : " with; ");
  };
  options.dump_after = {"import", "remove_dead"};
  ASSERT_TRUE(run_passes(kRows, graph, options).ok());
  EXPECT_EQ(dumped, "import with; remove_dead without; ");
}

TEST(RunPasses, RunsWhatTheOptionsHold) {
  constexpr PassRow rows[] = {{"quantize", nullptr, false, &PassOptions::quantize}};
  Graph graph = small_graph();
  PassOptions options;
  const auto without = run_passes(rows, graph, options);
  ASSERT_TRUE(without.ok()) << without.error().message;
  EXPECT_FALSE((*without)[0].changed);
  options.quantize = remove_dead;
  const auto with = run_passes(rows, graph, options);
  ASSERT_TRUE(with.ok()) << with.error().message;
  EXPECT_TRUE((*with)[0].changed);
  options.disabled = {"quantize"};
  EXPECT_TRUE(run_passes(rows, graph, options)->front().disabled);
}

TEST(RunPasses, NamesThePassThatBreaksTheGraph) {
  constexpr PassRow rows[] = {{"do_nothing", do_nothing, false}, {"break_types", break_types, false}};
  Graph graph = small_graph();
  PassOptions options;
  options.verify_each = true;
  const auto reports = run_passes(rows, graph, options);
  ASSERT_FALSE(reports.ok());
  EXPECT_EQ(reports.error().message.rfind("after pass break_types: ", 0), 0u) << reports.error().message;
}

TEST(RunPasses, TurnsFailedChecksIntoErrors) {
  constexpr PassRow rows[] = {{"fail_a_check", fail_a_check, false}};
  Graph graph = small_graph();
  const auto reports = run_passes(rows, graph, {});
  ASSERT_FALSE(reports.ok());
  EXPECT_EQ(reports.error().code, ErrorCode::kInternal);
}

TEST(Pipeline, HasDistinctNames) {
  for (const PassRow& row : pipeline())
    EXPECT_EQ(std::count_if(pipeline().begin(), pipeline().end(),
                            [&](const PassRow& other) { return other.name == row.name; }),
              1);
}

}  // namespace
}  // namespace tegula::compiler
