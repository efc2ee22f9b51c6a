#include "compiler/driver/input_options.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "compiler/driver/shape_options.h"

namespace tegula::driver {
namespace {

Result<std::map<std::string, data::RandomRange>> parse_ranges(const std::vector<std::string>& texts) {
  std::map<std::string, data::RandomRange> ranges;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('='), colon = text.rfind(':');
    const auto wrong = [&] {
      return Error{ErrorCode::kInvalidArgument, concat("--range ", text, ": want INPUT=LOW:HIGH, such as ids=0:30522")};
    };
    if (equals == std::string::npos || equals == 0 || colon == std::string::npos || colon < equals) return wrong();
    data::RandomRange range;
    const char* const low = text.data() + equals + 1;
    const char* const high = text.data() + colon + 1;
    const auto at_low = std::from_chars(low, text.data() + colon, range.low);
    const auto at_high = std::from_chars(high, text.data() + text.size(), range.high);
    if (at_low.ec != std::errc{} || at_low.ptr != text.data() + colon || at_high.ec != std::errc{} ||
        at_high.ptr != text.data() + text.size())
      return wrong();
    if (!ranges.try_emplace(text.substr(0, equals), range).second)
      return Error{ErrorCode::kInvalidArgument, concat("--range ", text.substr(0, equals), " is given twice")};
  }
  return ranges;
}

}  // namespace

void InputOptions::add_to(CLI::App& command) {
  command.add_option("--dim", dims, "Size of a symbolic dimension, such as batch=8 (default 1); repeatable")
      ->type_name("NAME=SIZE")
      ->allow_extra_args(false);
  command.add_option("--shape", shapes, "Shape of an input, such as in=8x3x224x224; repeatable")
      ->type_name("INPUT=SIZES")
      ->allow_extra_args(false);
  command
      .add_option("--range", ranges,
                  "Range of an input's random elements, such as ids=0:30522 (default -1:1, integers 0:2); repeatable")
      ->type_name("INPUT=LOW:HIGH")
      ->allow_extra_args(false);
  command.add_option("--seed", seed, "Seed of random elements")->capture_default_str();
}

Result<InputRequest> InputOptions::request() const {
  InputRequest request;
  TEGULA_ASSIGN_OR_RETURN(request.dims, parse_fixed_dims(dims));
  TEGULA_ASSIGN_OR_RETURN(request.shapes, parse_fixed_shapes(shapes));
  TEGULA_ASSIGN_OR_RETURN(request.ranges, parse_ranges(ranges));
  request.seed = seed;
  return request;
}

}  // namespace tegula::driver
