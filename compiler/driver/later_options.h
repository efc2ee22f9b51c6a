#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tegula::driver {

/// Options that the documents name but that a later release brings: given, they end the command with one clear line
/// instead of being taken for a typing error. Shared by aotc and runbench.
void refuse_options_of_later_releases(CLI::App& command, const std::vector<std::string>& options,
                                      const std::string& instead);

}  // namespace tegula::driver
