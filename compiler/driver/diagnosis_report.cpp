#include "compiler/driver/diagnosis_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "compiler/data/files.h"
#include "compiler/driver/step_table.h"

namespace tegula::driver {
namespace {

using Json = nlohmann::ordered_json;

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), pattern, arguments...);
  return text.data();
}

std::string decibel(double value) {
  return std::isfinite(value) ? format("%.1f", value) : "exact";
}

Json or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

/// For text between tags and inside of attributes.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return result;
}

/// A name in YAML's double quotes.
std::string quoted(const std::string& name) {
  return Json(name).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string bar(double share, const char* colour) {
  return format("<div class=\"bar\" style=\"width:%.1f%%;background:%s\"></div>", std::clamp(share, 0.0, 1.0) * 100,
                colour);
}

constexpr const char* kStyle =
    "body{font:14px system-ui,sans-serif;margin:2em;color:#222}table{border-collapse:collapse}"
    "th,td{padding:3px 10px;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}"
    "th:first-child,td:first-child,td.bars{text-align:left}td.bars{width:320px}.bar{height:8px;margin:1px 0}"
    "pre{background:#f4f4f4;padding:1em}";

}  // namespace

std::vector<const OpDiagnosis*> by_gain(const Diagnosis& diagnosis) {
  std::vector<const OpDiagnosis*> ops;
  for (const OpDiagnosis& op : diagnosis.ops) ops.push_back(&op);
  // Operations that cost the same keep their order, which is that of their addresses.
  std::sort(ops.begin(), ops.end(), [](const OpDiagnosis* a, const OpDiagnosis* b) {
    return a->gain != b->gain ? a->gain > b->gain : a < b;
  });
  return ops;
}

std::string diagnosis_table(const Diagnosis& diagnosis, int rows) {
  const std::vector<std::string> columns = {"Op",        "Type",   "SQNR dB", "Cosine",
                                            "Max error", "Sat. %", "Used %",  "Outputs dB if FP32"};
  std::vector<std::vector<std::string>> cells;
  for (const OpDiagnosis* op : by_gain(diagnosis)) {
    if (rows > 0 && static_cast<int>(cells.size()) == rows) break;
    cells.push_back({op->node, op->type, decibel(op->error.sqnr()), format("%.5f", op->error.cosine()),
                     format("%.3g", op->error.largest), format("%.3f", op->saturated * 100),
                     format("%.0f", op->used * 100), std::isfinite(op->gain) ? format("%+.2f", op->gain) : "exact"});
  }
  std::string text = boxed_table("INT8 Diagnosis", columns, cells);
  return text +
         format("outputs: SQNR %s dB, cosine %.5f, largest error %.4g, over %lld samples; %zu products in INT8\n",
                decibel(diagnosis.outputs.sqnr()).c_str(), diagnosis.outputs.cosine(), diagnosis.outputs.largest,
                static_cast<long long>(diagnosis.samples), diagnosis.ops.size());
}

std::string suggested_rule(const Diagnosis& diagnosis) {
  std::string names;
  for (const OpDiagnosis* op : by_gain(diagnosis))
    if (op->gain >= kWorthAnException)
      names += concat("    ", quoted(op->node), ": {dtype: fp32}   # ", format("%+.2f dB", op->gain), "\n");
  if (names.empty())
    return format("# no product alone costs the outputs %.0f dB: there is none to leave out\n", kWorthAnException);
  return "int8:\n  op_name_dict:\n" + names;
}

Status write_diagnosis_json(const std::filesystem::path& path, const Diagnosis& diagnosis) {
  const auto error_json = [](const SignalError& error) {
    return Json{{"sqnr_db", or_null(error.sqnr())},
                {"cosine", error.cosine()},
                {"largest_error", error.largest},
                {"elements", error.elements}};
  };
  Json json{{"schema_version", 1}, {"samples", diagnosis.samples}, {"outputs", error_json(diagnosis.outputs)}};
  json["ops"] = Json::array();
  for (const OpDiagnosis* op : by_gain(diagnosis)) {
    Json row{{"name", op->node}, {"type", op->type}, {"rule", op->rule}};
    row.update(error_json(op->error));
    row["saturated_share"] = op->saturated;
    row["range_used_share"] = op->used;
    row["outputs_gain_db"] = or_null(op->gain);
    json["ops"].push_back(std::move(row));
  }
  json["suggested_rule"] = suggested_rule(diagnosis);
  return data::write_text(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Status write_diagnosis_page(const std::filesystem::path& path, const Diagnosis& diagnosis, const std::string& title) {
  double largest_gain = 1e-9, largest_sqnr = 1e-9;
  for (const OpDiagnosis& op : diagnosis.ops) {
    if (std::isfinite(op.gain)) largest_gain = std::max(largest_gain, op.gain);
    if (std::isfinite(op.error.sqnr())) largest_sqnr = std::max(largest_sqnr, op.error.sqnr());
  }
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(title) + "</title><style>" +
      kStyle + "</style></head><body>\n<h1>" + escaped(title) + "</h1>\n<p>" +
      format("Outputs: SQNR %s dB, cosine %.5f, over %lld samples.", decibel(diagnosis.outputs.sqnr()).c_str(),
             diagnosis.outputs.cosine(), static_cast<long long>(diagnosis.samples)) +
      " The red bar is what the outputs gain when the operation alone stays fp32, the blue one the SQNR of "
      "its own result.</p>\n<table>\n<tr><th>operation</th><th>type</th><th>outputs gain dB</th><th>SQNR "
      "dB</th><th></th><th>cosine</th><th>largest error</th><th>saturated %</th><th>range used %</th><th>rule"
      "</th></tr>\n";
  for (const OpDiagnosis* op : by_gain(diagnosis)) {
    const double sqnr = op->error.sqnr();
    html += "<tr><td>" + escaped(op->node) + "</td><td>" + escaped(op->type) + "</td><td>" +
            (std::isfinite(op->gain) ? format("%+.2f", op->gain) : "exact") + "</td><td>" + decibel(sqnr) +
            "</td><td class=\"bars\">" + bar(std::isfinite(op->gain) ? op->gain / largest_gain : 1, "#c0392b") +
            bar(std::isfinite(sqnr) ? sqnr / largest_sqnr : 1, "#2c6fad") + "</td><td>" +
            format("%.5f", op->error.cosine()) + "</td><td>" + format("%.3g", op->error.largest) + "</td><td>" +
            format("%.3f", op->saturated * 100) + "</td><td>" + format("%.0f", op->used * 100) + "</td><td>" +
            escaped(op->rule) + "</td></tr>\n";
  }
  html += "</table>\n<h2>For the configuration</h2>\n<pre>" + escaped(suggested_rule(diagnosis)) +
          "</pre>\n</body></html>\n";
  return data::write_text(path, html);
}

}  // namespace tegula::driver
