#include "perf/runbench/report.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tegula::runbench {
namespace {

using Json = nlohmann::ordered_json;

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  std::array<char, 1024> line{};
  std::snprintf(line.data(), line.size(), pattern, arguments...);
  return line.data();
}

double gflops(const StepProfile& step) {
  return step.milliseconds > 0 ? step.flop / step.milliseconds * 1e-6 : 0;
}

/// What the step could reach at most, in GFLOP/s; 0: not known.
double peak_of(const Measurement& m, const StepProfile& step) {
  if (m.peak_gflops.empty()) return 0;
  const auto peak = m.peak_gflops.find(source_type(step));
  return peak != m.peak_gflops.end() ? peak->second : m.peak_gflops.at("f32");
}

double total_milliseconds(const std::vector<StepProfile>& steps) {
  double total = 0;
  for (const StepProfile& step : steps) total += step.milliseconds;
  return total;
}

double plain_milliseconds(const std::vector<StepProfile>& steps) {
  double total = 0;
  for (const StepProfile& step : steps) total += step.plain_loops ? step.milliseconds : 0;
  return total;
}

Json or_null(double value) {
  return value < 0 ? Json(nullptr) : Json(value);
}

Json profile_json(const Measurement& m) {
  const double total = total_milliseconds(m.profile);
  Json steps = Json::array();
  for (const StepProfile& step : m.profile) {
    Json row{{"name", step.name},
             {"kind", step.kind},
             {"implementation", step.implementation},
             {"dtypes", step.dtypes},
             {"shapes", step.shapes},
             {"ms", step.milliseconds},
             {"percent", total > 0 ? step.milliseconds / total * 100 : 0},
             {"gflops", step.flop > 0 ? Json(gflops(step)) : Json(nullptr)}};
    const double peak = peak_of(m, step);
    row["peak_share"] = step.flop > 0 && peak > 0 ? Json(gflops(step) / peak) : Json(nullptr);
    row["plain_loops"] = step.plain_loops;
    steps.push_back(std::move(row));
  }
  Json json{{"runs", m.profile_runs}, {"total_ms", total}};
  json["plain_loops_percent"] = total > 0 ? plain_milliseconds(m.profile) / total * 100 : 0;
  json["fma_peak_gflops"] = m.peak_gflops.empty() ? Json(nullptr) : Json(m.peak_gflops.at("f32"));
  json["peak_gflops"] = m.peak_gflops;
  json["steps"] = std::move(steps);
  return json;
}

}  // namespace

Json to_json(const Measurement& m, const Environment& e, const std::string& program) {
  const LatencyStatistics& l = m.latency;
  Json json{
      {"schema_version", 1}, {"program", program}, {"inputs", m.input_shapes}, {"threads", m.threads}, {"isa", m.isa}};
  json["load_ms"] = m.load_ms;
  json["first_ms"] = m.first_ms;
  json["latency_ms"] = {{"p50", l.p50}, {"p90", l.p90}, {"p95", l.p95}, {"p99", l.p99}};
  json["latency_ms"]["p99.9"] = l.p99_9 ? Json(*l.p99_9) : Json(nullptr);
  json["latency_ms"].update({{"mean", l.mean},
                             {"min", l.min},
                             {"max", l.max},
                             {"standard_deviation", l.standard_deviation},
                             {"count", l.count}});
  json["throughput_per_s"] = m.throughput_per_s;
  json["samples_per_run"] = m.samples_per_run;
  json["seconds"] = m.seconds;
  json["memory"] = {{"rss_mb", or_null(m.memory.rss_mb)},
                    {"pss_mb", or_null(m.memory.pss_mb)},
                    {"peak_rss_mb", or_null(m.memory.peak_rss_mb)},
                    {"arena_mb", static_cast<double>(m.arena.arena_bytes) / 1e6},
                    {"largest_live_mb", static_cast<double>(m.arena.largest_live_bytes) / 1e6},
                    {"scratch_mb", static_cast<double>(m.arena.scratch_bytes) / 1e6}};
  json["environment"] = {{"cpu", e.cpu},
                         {"microcode", e.microcode},
                         {"cpus_online", e.cpus_online},
                         {"cpus_allowed", e.cpus_allowed},
                         {"cpu_quota", e.cpu_quota},
                         {"governor", e.governor},
                         {"hypervisor", e.hypervisor},
                         {"kernel", e.kernel},
                         {"transparent_huge_pages", e.huge_pages},
                         {"load_average", e.load_average},
                         {"compiler", e.compiler},
                         {"build_type", e.build_type},
                         {"tegula_version", e.version},
                         {"commit", e.commit}};
  json["warnings"] = warnings(e, l.variation());
  if (!m.profile.empty()) json["profile"] = profile_json(m);
  return json;
}

std::string summary(const Measurement& m, const Environment& e) {
  const LatencyStatistics& l = m.latency;
  std::string text;
  for (const std::string& input : m.input_shapes) text += "input       " + input + "\n";
  text += concat("machine     ", e.cpu, ", ", m.threads, m.threads == 1 ? " thread" : " threads", ", ", m.isa, "\n");
  text += format("load        %.2f ms, first inference %.2f ms\n", m.load_ms, m.first_ms);
  text += format("latency     p50 %.3f  p90 %.3f  p95 %.3f  p99 %.3f  p99.9 %s ms\n", l.p50, l.p90, l.p95, l.p99,
                 l.p99_9 ? format("%.3f", *l.p99_9).c_str() : "-");
  text += format("            mean %.3f  min %.3f  max %.3f ms over %lld runs\n", l.mean, l.min, l.max,
                 static_cast<long long>(l.count));
  text += format("throughput  %.2f per second\n", m.throughput_per_s);
  text += format("memory      RSS %.1f MB, PSS %.1f MB, of that activations %.2f MB\n", m.memory.rss_mb,
                 m.memory.pss_mb, static_cast<double>(m.arena.arena_bytes + m.arena.scratch_bytes) / 1e6);
  for (const std::string& warning : warnings(e, l.variation())) text += "warning     " + warning + "\n";
  return text;
}

std::string profile_table(const Measurement& m) {
  const double total = total_milliseconds(m.profile);
  std::size_t name_width = 4, kind_width = 4, implementation_width = 14;
  for (const StepProfile& step : m.profile) {
    name_width = std::min<std::size_t>(40, std::max(name_width, step.name.size()));
    kind_width = std::max(kind_width, step.kind.size());
    implementation_width = std::min<std::size_t>(
        44, std::max(implementation_width, step.implementation.size() + (step.plain_loops ? 2 : 0)));
  }
  const int nw = static_cast<int>(name_width), kw = static_cast<int>(kind_width),
            iw = static_cast<int>(implementation_width);
  std::string text = format("%-*s  %-*s  %-*s  %9s %6s %9s %6s  %s\n", kw, "kind", nw, "name", iw, "implementation",
                            "ms", "%", "GFLOP/s", "% peak", "types and shapes");
  for (const StepProfile& step : m.profile) {
    const bool counts = step.flop > 0;
    const std::string rate = counts ? format("%.1f", gflops(step)) : "-";
    const double peak = peak_of(m, step);
    const std::string share = counts && peak > 0 ? format("%.1f", gflops(step) / peak * 100) : "-";
    text += format("%-*s  %-*.*s  %-*s  %9.4f %6.2f %9s %6s  %s %s\n", kw, step.kind.c_str(), nw, nw, step.name.c_str(),
                   iw, (step.implementation + (step.plain_loops ? " *" : "")).c_str(), step.milliseconds,
                   total > 0 ? step.milliseconds / total * 100 : 0, rate.c_str(), share.c_str(), step.dtypes.c_str(),
                   step.shapes.c_str());
  }
  double flop = 0, peak_milliseconds = 0;
  for (const StepProfile& step : m.profile) {
    flop += step.flop;
    if (const double peak = peak_of(m, step); peak > 0) peak_milliseconds += step.flop / peak * 1e-6;
  }
  text +=
      format("total %.4f ms in %zu steps, %.1f GFLOP/s", total, m.profile.size(), total > 0 ? flop / total * 1e-6 : 0);
  if (!m.peak_gflops.empty() && total > 0) {
    text += format(", %.1f %% of the time at this machine's peaks (", peak_milliseconds / total * 100);
    for (std::string separator; const auto& [type, peak] : m.peak_gflops) {
      text += format("%s%s %.1f", separator.c_str(), type.c_str(), peak);
      separator = ", ";
    }
    text += ")";
  }
  return text +
         format("\n* plain loops: %.2f %% of the time\n", total > 0 ? plain_milliseconds(m.profile) / total * 100 : 0);
}

}  // namespace tegula::runbench
