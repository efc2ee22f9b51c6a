#include "compiler/driver/profile_file.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "compiler/data/files.h"
#include "compiler/data/tensor_data.h"

namespace tegula::driver {
namespace {

using compiler::ChannelProfile;
using compiler::Histogram;
using compiler::MovingAverage;
using compiler::Profile;
using compiler::Range;
using compiler::TensorProfile;
using data::in_quotes;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kFormat = "tegula calibration profile";
constexpr int kVersion = 1;
constexpr int64_t kMostCounted = int64_t{1} << 62;

// ---- writing

std::string hex(uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = kDigits[number & 15];
  return text;
}

ordered_json to_json(const Range& range) {
  return {range.low, range.high};
}

ordered_json to_json(const TensorProfile& tensor) {
  ordered_json out{{"count", tensor.count}, {"nan", tensor.nan_count}, {"inf", tensor.inf_count}};
  if (tensor.finite_count() > 0) {
    const MovingAverage& average = tensor.moving_average;
    out["range"] = to_json(tensor.extremes);
    out["moving_average"] = {{"range", {average.low, average.high}},
                             {"first", {average.first_low, average.first_high}},
                             {"samples", average.samples}};
    const Histogram& histogram = tensor.histogram;
    out["histogram"] = {{"log2_width", histogram.log2_width()},
                        {"zeros", histogram.zeros()},
                        {"negative", histogram.negative()},
                        {"positive", histogram.positive()}};
  }
  if (!tensor.channels.empty()) {  // an infinity becomes null
    const ChannelProfile& channels = tensor.channels;
    out["channels"] = {{"count", channels.count}, {"min", channels.min}, {"max", channels.max}, {"sum", channels.sum}};
  }
  for (const auto& [name, range] : tensor.collected) out["collected"][name] = to_json(range);
  return out;
}

/// One line a tensor.
std::string to_text(const Profile& profile) {
  const ordered_json head{{"format", kFormat},
                          {"version", kVersion},
                          {"model", {{"file", profile.model}, {"xxh3", hex(profile.model_xxh3)}}},
                          {"data_xxh3", hex(profile.data_xxh3)},
                          {"samples", profile.samples},
                          {"averaging_constant", profile.averaging_constant}};
  std::string text = head.dump();
  text.back() = ',';
  text += "\n\"tensors\":{";
  std::string_view separator = "\n";
  for (const auto& [name, tensor] : profile.tensors) {
    text += separator;
    text += ordered_json(name).dump() + ":" + to_json(tensor).dump();
    separator = ",\n";
  }
  return text + "\n}}\n";
}

// ---- reading

/// Members of one JSON object, with errors that say where it stands in the file.
class Reader {
 public:
  Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  Error error(std::string_view key, std::string_view what) const {
    return {ErrorCode::kInvalidFile, concat(where_, ": ", in_quotes(key), " ", what)};
  }

  Result<const json*> member(std::string_view key) const {
    const auto found = object_.is_object() ? object_.find(key) : object_.end();
    if (!object_.is_object() || found == object_.end()) return error(key, "is missing");
    return &*found;
  }
  bool has(std::string_view key) const { return object_.is_object() && object_.contains(key); }

  Result<Reader> object(std::string_view key) const {
    TEGULA_ASSIGN_OR_RETURN(const json* const value, member(key));
    if (!value->is_object()) return error(key, "is no object");
    return Reader(*value, concat(where_, ": ", key));
  }

  Result<int64_t> integer(std::string_view key, int64_t least, int64_t most) const {
    TEGULA_ASSIGN_OR_RETURN(const json* const value, member(key));
    if (!is_integer(*value, least, most)) return error(key, concat("is no integer from ", least, " to ", most));
    return value->get<int64_t>();
  }

  Result<std::string> text(std::string_view key) const {
    TEGULA_ASSIGN_OR_RETURN(const json* const value, member(key));
    if (!value->is_string()) return error(key, "is no text");
    return value->get<std::string>();
  }

  Result<uint64_t> hash(std::string_view key) const {
    TEGULA_ASSIGN_OR_RETURN(const std::string digits, text(key));
    if (digits.size() != 16 || digits.find_first_not_of("0123456789abcdef") != std::string::npos)
      return error(key, "is no number of 16 hexadecimal digits");
    return std::stoull(digits, nullptr, 16);
  }

  Result<double> number(std::string_view key) const {
    TEGULA_ASSIGN_OR_RETURN(const json* const value, member(key));
    if (!value->is_number()) return error(key, "is no number");
    return value->get<double>();
  }

  /// [low, high], finite and in order.
  template <typename T>
  Result<std::pair<T, T>> range(std::string_view key) const {
    TEGULA_ASSIGN_OR_RETURN(const std::vector<T> ends, numbers<T>(key, 2, std::nullopt));
    if (ends.size() != 2 || !(ends[0] <= ends[1])) return error(key, "is no pair of numbers [low, high]");
    return std::pair(ends[0], ends[1]);
  }

  /// Up to `most` numbers that T holds; `null_value` is what null stands for.
  template <typename T>
  Result<std::vector<T>> numbers(std::string_view key, std::size_t most, std::optional<T> null_value) const {
    TEGULA_ASSIGN_OR_RETURN(const json* const value, member(key));
    if (!value->is_array() || value->size() > most) return error(key, concat("is no list of up to ", most, " numbers"));
    std::vector<T> out;
    out.reserve(value->size());
    for (const json& element : *value) {
      if (element.is_null() && null_value) {
        out.push_back(*null_value);
        continue;
      }
      if (!element.is_number()) return error(key, concat("holds something else than a number at ", out.size()));
      const auto number = element.get<double>();
      if (!(std::abs(number) <= std::numeric_limits<T>::max()))
        return error(key, concat("holds ", number, ", which is too large"));
      out.push_back(static_cast<T>(number));
    }
    return out;
  }

  Result<std::vector<int64_t>> counts(std::string_view key, std::size_t most) const {
    TEGULA_ASSIGN_OR_RETURN(const json* const value, member(key));
    if (!value->is_array() || value->size() > most) return error(key, concat("is no list of up to ", most, " counts"));
    std::vector<int64_t> out;
    out.reserve(value->size());
    for (const json& element : *value) {
      if (!is_integer(element, 0, kMostCounted)) return error(key, concat("holds no count at ", out.size()));
      out.push_back(element.get<int64_t>());
    }
    return out;
  }

 private:
  static bool is_integer(const json& value, int64_t least, int64_t most) {
    if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return false;
    return value.is_number_integer() && value.get<int64_t>() >= least && value.get<int64_t>() <= most;
  }

  const json& object_;
  std::string where_;
};

Result<Histogram> read_histogram(const Reader& tensor, int64_t finite_count) {
  TEGULA_ASSIGN_OR_RETURN(const Reader reader, tensor.object("histogram"));
  TEGULA_ASSIGN_OR_RETURN(const int64_t log2_width,
                          reader.integer("log2_width", Histogram::kMinLog2Width, Histogram::kMaxLog2Width));
  TEGULA_ASSIGN_OR_RETURN(const int64_t zeros, reader.integer("zeros", 0, kMostCounted));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> negative, reader.counts("negative", Histogram::kBins));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> positive, reader.counts("positive", Histogram::kBins));
  int64_t total = zeros;
  for (const auto* side : {&negative, &positive})
    for (const int64_t count : *side)
      if (__builtin_add_overflow(total, count, &total)) return tensor.error("histogram", "counts too much");
  if (total != finite_count)
    return tensor.error("histogram", concat("counts ", total, " values, but the tensor has ", finite_count));
  Histogram histogram;
  histogram.add(static_cast<int>(log2_width), negative, positive, zeros);
  return histogram;
}

Result<MovingAverage> read_moving_average(const Reader& tensor) {
  TEGULA_ASSIGN_OR_RETURN(const Reader reader, tensor.object("moving_average"));
  MovingAverage average;
  TEGULA_ASSIGN_OR_RETURN(const auto range, reader.range<double>("range"));
  TEGULA_ASSIGN_OR_RETURN(const auto first, reader.range<float>("first"));
  TEGULA_ASSIGN_OR_RETURN(average.samples, reader.integer("samples", 1, kMostCounted));
  std::tie(average.low, average.high) = range;
  std::tie(average.first_low, average.first_high) = first;
  return average;
}

Result<ChannelProfile> read_channels(const Reader& tensor) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr auto kMost = static_cast<std::size_t>(TensorProfile::kMaxChannels);
  TEGULA_ASSIGN_OR_RETURN(const Reader reader, tensor.object("channels"));
  ChannelProfile channels;
  TEGULA_ASSIGN_OR_RETURN(channels.count, reader.integer("count", 0, kMostCounted));
  TEGULA_ASSIGN_OR_RETURN(channels.min, reader.numbers<float>("min", kMost, kInfinity));
  TEGULA_ASSIGN_OR_RETURN(channels.max, reader.numbers<float>("max", kMost, -kInfinity));
  TEGULA_ASSIGN_OR_RETURN(channels.sum, reader.numbers<double>("sum", kMost, std::nullopt));
  if (channels.max.size() != channels.min.size() || channels.sum.size() != channels.min.size())
    return tensor.error("channels", "has lists of different lengths");
  return channels;
}

Result<TensorProfile> read_tensor(const Reader& reader) {
  TensorProfile tensor;
  TEGULA_ASSIGN_OR_RETURN(tensor.count, reader.integer("count", 0, kMostCounted));
  TEGULA_ASSIGN_OR_RETURN(tensor.nan_count, reader.integer("nan", 0, tensor.count));
  TEGULA_ASSIGN_OR_RETURN(tensor.inf_count, reader.integer("inf", 0, tensor.count - tensor.nan_count));
  if (tensor.finite_count() > 0) {
    TEGULA_ASSIGN_OR_RETURN(const auto range, reader.range<float>("range"));
    tensor.extremes = {range.first, range.second};
    TEGULA_ASSIGN_OR_RETURN(tensor.moving_average, read_moving_average(reader));
    TEGULA_ASSIGN_OR_RETURN(tensor.histogram, read_histogram(reader, tensor.finite_count()));
  }
  if (reader.has("channels")) {
    TEGULA_ASSIGN_OR_RETURN(tensor.channels, read_channels(reader));
  }
  if (reader.has("collected")) {
    TEGULA_ASSIGN_OR_RETURN(const json* const collected, reader.member("collected"));
    TEGULA_ASSIGN_OR_RETURN(const Reader ranges, reader.object("collected"));
    for (const auto& [name, value] : collected->items()) {
      TEGULA_ASSIGN_OR_RETURN(const auto range, ranges.range<float>(name));
      tensor.collected[name] = {range.first, range.second};
    }
  }
  return tensor;
}

Result<Profile> read(const json& document, const std::string& where) {
  const Reader reader(document, where);
  TEGULA_ASSIGN_OR_RETURN(const std::string format, reader.text("format"));
  if (format != kFormat) return reader.error("format", concat("is not '", kFormat, "'"));
  TEGULA_ASSIGN_OR_RETURN(const int64_t version, reader.integer("version", 1, INT32_MAX));
  if (version != kVersion)
    return reader.error("version", concat("is ", version, "; this aotc reads version ", kVersion, ": calibrate again"));
  Profile profile;
  TEGULA_ASSIGN_OR_RETURN(const Reader model, reader.object("model"));
  TEGULA_ASSIGN_OR_RETURN(profile.model, model.text("file"));
  TEGULA_ASSIGN_OR_RETURN(profile.model_xxh3, model.hash("xxh3"));
  TEGULA_ASSIGN_OR_RETURN(profile.data_xxh3, reader.hash("data_xxh3"));
  TEGULA_ASSIGN_OR_RETURN(profile.samples, reader.integer("samples", 1, kMostCounted));
  TEGULA_ASSIGN_OR_RETURN(profile.averaging_constant, reader.number("averaging_constant"));
  if (!(profile.averaging_constant > 0 && profile.averaging_constant <= 1))
    return reader.error("averaging_constant", "does not lie between 0 and 1");
  TEGULA_ASSIGN_OR_RETURN(const json* const tensors, reader.member("tensors"));
  if (!tensors->is_object()) return reader.error("tensors", "is no object");
  for (const auto& [name, value] : tensors->items()) {
    const Reader tensor(value, concat(where, ": tensor ", in_quotes(name)));
    TEGULA_ASSIGN_OR_RETURN(TensorProfile read, read_tensor(tensor));
    profile.tensors.emplace(name, std::move(read));
  }
  return profile;
}

}  // namespace

Status write_profile(const std::filesystem::path& path, const Profile& profile) {
  std::string text;
  try {
    text = to_text(profile);
  } catch (const json::exception&) {  // the only thing that it cannot write
    return Error{ErrorCode::kUnsupported,
                 "the name of a tensor of the model is not UTF-8, which a profile cannot hold"};
  }
  return data::write_text(path, text);
}

Result<Profile> read_profile(const std::filesystem::path& path) {
  const std::string where = in_quotes(path.native());
  TEGULA_ASSIGN_OR_RETURN(const std::string text, data::read_file(path));
  try {
    return read(json::parse(text), where);
  } catch (const json::parse_error& error) {
    return Error{ErrorCode::kInvalidFile, concat(where, ": no calibration profile: JSON ends or breaks at byte ",
                                                 error.byte, " of ", text.size())};
  } catch (const json::exception& error) {
    return Error{ErrorCode::kInvalidFile, concat(where, ": no calibration profile: ", in_quotes(error.what()))};
  }
}

Status check_profile_model(const Profile& profile, const std::filesystem::path& path, uint64_t model_xxh3) {
  if (profile.model_xxh3 == model_xxh3) return {};
  return Error{ErrorCode::kInvalidArgument,
               concat(in_quotes(path.native()), ": the profile is of another model, ", in_quotes(profile.model),
                      " (xxh3 ", hex(profile.model_xxh3), "; this model has ", hex(model_xxh3), "): calibrate again")};
}

}  // namespace tegula::driver
